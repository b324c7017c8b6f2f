//! Tells observers what happens to a connection.

use std::{
    pin::Pin,
    task::{Context, Poll, Waker},
};

use futures::{FutureExt, Sink};
use pharos::{Channel, Events, Observable, ObserveConfig, PharErr, Pharos};

use crate::{WsEvent, WsState, event::CloseEvent};

/// Each observer has a [`Pharos`] of its own, so that it can be told where the connection stands
/// when it comes, and all of them are unbounded: `Pharos` waits for the slowest bounded observer,
/// which one forgotten observer would turn into a connection that never closes, while a
/// connection has four events in all and so bounds every channel by itself.
#[derive(Debug, Default)]
pub(super) struct Observers(Vec<Pharos<WsEvent>>);

impl Observers {
    pub(super) fn observe(
        &mut self,
        config: ObserveConfig<WsEvent>,
        state: WsState,
        end: Option<CloseEvent>,
    ) -> Result<Events<WsEvent>, PharErr> {
        let mut pharos = Pharos::new(1);
        let events = match pharos
            .observe(config.channel(Channel::Unbounded))
            .now_or_never()
        {
            Some(observed) => observed?,
            None => return Err(pharos::ErrorKind::Closed.into()),
        };
        let current = match (state, end) {
            (_, Some(event)) => WsEvent::Closed(event),
            (WsState::Closing, None) => WsEvent::Closing,
            (_, None) => WsEvent::Open,
        };
        notify(&mut pharos, &current);
        if !current.is_closed() {
            self.0.push(pharos);
        }
        Ok(events)
    }

    /// Tells every observer, and lets go of those that have gone, and of all after the last
    /// event, so that their streams end.
    pub(super) fn notify(&mut self, event: &WsEvent) {
        for pharos in &mut self.0 {
            notify(pharos, event);
        }
        self.0
            .retain_mut(|pharos| !event.is_closed() && pharos.num_observers() > 0);
    }
}

fn notify(pharos: &mut Pharos<WsEvent>, event: &WsEvent) {
    let mut cx = Context::from_waker(Waker::noop());
    let mut pharos = Pin::new(pharos);
    // An error says that the observer is gone, which is no concern of the connection.
    if let Poll::Ready(Ok(())) = pharos.as_mut().poll_ready(&mut cx) {
        let _ = pharos.as_mut().start_send(event.clone());
        let _ = pharos.as_mut().poll_flush(&mut cx);
    }
}
