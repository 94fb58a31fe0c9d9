//! Sessions with snapshots between their commands: an engine that a snapshot restores goes on with
//! the same reports.

use super::{ORDERS, apply, check, lines, same};
use ringside_engine::Engine;
use ringside_testing::oracle::commands::Random;

#[test]
fn an_engine_that_is_restored_between_commands_tells_the_same() {
    check(|session| {
        let (mut engine, mut restored) = (Engine::new(ORDERS), Engine::new(ORDERS));
        let mut random = Random(session.len() as u64);
        let mut snapshots = 0;
        for command in session {
            if random.in_1000(50) {
                let image = restored.image();
                restored = Engine::restore(ORDERS, &image).map_err(|error| format!("{error:?}"))?;
                snapshots += 1;
            }
            let (expected, told) = (apply(&mut engine, command), apply(&mut restored, command));
            same(command, &lines(&expected), &lines(&told))?;
            if engine.state_hash() != restored.state_hash() {
                return Err(format!("the states differ after {command:?}"));
            }
        }
        Ok(snapshots)
    });
}
