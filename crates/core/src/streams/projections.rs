//! Projections of a venue on the network: session states, exposure and streams, derived from the
//! commands and their reports.
//!
//! Session states and exposure are inputs of the gateway's verdicts. Both are updated before the
//! messages of the same batch can be read, so a verdict never lags behind a message.

use super::encoder::Encoder;
use super::session_messages::Cause;
use super::states::Answers;
use super::{Positions, SessionStates, StreamSink, StreamsImage};
use crate::merge::Subscriber;
use crate::registry::exposure::ExposureCounter;
use crate::registry::names::Names;
use ringside_model::command::Command;
use ringside_model::domain::Nanos;
use ringside_model::frame::Frame;
use ringside_model::report::Published;

/// Subscriber that decodes each command once and updates all projections.
pub struct Projections<S> {
    answers: Answers,
    exposure: ExposureCounter,
    /// Encoder of the streams.
    pub encoder: Encoder<S>,
    /// Command whose reports follow.
    cause: Option<Cause>,
}

impl Projections<Positions> {
    /// Returns the state that the streams and the gateway need to go on behind the last command.
    pub fn image(&self) -> StreamsImage {
        StreamsImage {
            positions: self.encoder.sink().image(),
            sessions: self.states().rows(),
            day: self.encoder.day(),
        }
    }
}

impl<S: StreamSink> Projections<S> {
    /// Returns projections that begin before the first command. Messages go to `sink`; `states`
    /// shows the gateway the results of the sessions' commands; `names` may be shared with the
    /// gateway.
    pub fn new(sink: S, states: SessionStates, names: Names) -> Self {
        Projections {
            answers: Answers::new(states),
            exposure: ExposureCounter::default(),
            encoder: Encoder::new(sink, names),
            cause: None,
        }
    }

    /// Returns the session states that the gateway reads.
    pub fn states(&self) -> &SessionStates {
        &self.answers.states
    }

    /// Returns the open orders and traded values, as far as reports have been published.
    pub fn exposure(&self) -> &ExposureCounter {
        &self.exposure
    }

    /// Goes on behind a snapshot with its `definitions`, its stream state and its `exposure`. The
    /// sink must go on there, too.
    pub fn resume(
        &mut self,
        definitions: &[Command],
        image: &StreamsImage,
        exposure: &ExposureCounter,
    ) {
        self.exposure = exposure.clone();
        self.encoder.resume(definitions, image.day);
        self.states().resume(&image.sessions);
        self.show_end_of_day();
    }

    fn show_end_of_day(&self) {
        if self.encoder.day().ended != Nanos(0) {
            self.states().end_day();
        }
    }
}

impl<S: StreamSink> Subscriber for Projections<S> {
    const COMMANDS: bool = true;

    fn command(&mut self, frame: &Frame) {
        self.cause = Cause::decode(frame);
        let Some(cause) = &self.cause else { return };
        self.answers.begin(&cause.at.command);
        self.encoder.begin(cause);
    }

    fn report(&mut self, published: &Published) {
        let Some(cause) = &self.cause else { return };
        self.answers.report(&published.report);
        self.exposure.report(&published.report, &cause.at.command);
        self.encoder.report(published, cause);
    }

    fn end_command(&mut self) {
        let Some(cause) = &self.cause else { return };
        self.answers.end_command(&cause.at.command);
        self.exposure.end_command(cause.at.seqno.0, cause.at.time);
        self.encoder.end_command(cause);
    }

    fn end_batch(&mut self) {
        self.encoder.end_batch();
        // The end of the day is shown when every stream has its last message.
        self.show_end_of_day();
    }
}
