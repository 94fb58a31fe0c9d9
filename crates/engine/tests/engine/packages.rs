//! Cost of the engine as a dependency.

use std::collections::BTreeSet;
use std::process::Command;

/// Maximum number of packages that a program builds for the engine, the engine included.
const PACKAGES_MAX: usize = 12;

#[test]
fn the_engine_brings_few_packages() {
    let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
    let tree = Command::new(cargo)
        .args(["tree", "--package", "ringside-engine", "--edges", "normal,build"])
        .args(["--prefix", "none", "--format", "{p}", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let text = String::from_utf8(tree.stdout).unwrap();
    // Each line has name and version; cargo marks a package that is listed already.
    let packages: BTreeSet<_> =
        text.lines().map(|line| line.split(' ').take(2).collect::<Vec<_>>()).collect();
    let own = packages.iter().filter(|package| package[0].starts_with("ringside-")).count();
    assert!(
        own >= 2 && packages.len() <= PACKAGES_MAX,
        "{} packages: {packages:#?}",
        packages.len()
    );
}
