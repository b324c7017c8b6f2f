//! Tells observers what happens to a connection.

use std::{
    mem,
    pin::Pin,
    sync::{Mutex, MutexGuard},
    task::{Context, Poll, Waker},
};

use futures::{FutureExt, Sink};
use pharos::{Channel, Events, Observable, ObserveConfig, PharErr, Pharos};

use super::core::lock;
use crate::WsEvent;

/// The observers of one connection, and everything that has happened to it: four events at most.
///
/// A filter is a user's code: no lock is held while one runs, so that it may ask the connection
/// whatever it likes.
#[derive(Debug, Default)]
pub(super) struct Observers(Mutex<ObserverList>);

#[derive(Debug, Default)]
struct ObserverList {
    observers: Vec<Observer>,
    /// The events so far, the opening left out.
    history: Vec<WsEvent>,
}

/// Each observer has a [`Pharos`] of its own, so that the first event it sees can be the current
/// one, and all of them are unbounded: `Pharos` waits for the slowest bounded observer, which one
/// forgotten observer would turn into a connection that never closes, while a connection has four
/// events in all and so bounds every channel by itself.
#[derive(Debug)]
struct Observer {
    pharos: Pharos<WsEvent>,
    /// The length of the history it was told; `None` before its first event.
    told: Option<usize>,
}

impl Observers {
    pub(super) fn observe(
        &self,
        config: ObserveConfig<WsEvent>,
    ) -> Result<Events<WsEvent>, PharErr> {
        let mut pharos = Pharos::new(1);
        let events = match pharos
            .observe(config.channel(Channel::Unbounded))
            .now_or_never()
        {
            Some(observed) => observed?,
            None => return Err(pharos::ErrorKind::Closed.into()),
        };
        let observer = Observer { pharos, told: None };
        let mut observers = mem::take(&mut self.lock().observers);
        observers.retain_mut(|observer| !observer.is_gone());
        observers.push(observer);
        self.lock().observers.append(&mut observers);
        self.tell();
        Ok(events)
    }

    /// Records what happened, in order; to be followed by [`tell`](Self::tell) once no lock is
    /// held.
    pub(super) fn record(&self, events: Vec<WsEvent>) {
        self.lock().history.extend(events);
    }

    /// Tells every observer what it has not been told, and lets go of those that have gone, and of
    /// all after the last event, so that their streams end.
    pub(super) fn tell(&self) {
        // An observer that is being told is not in the list, so that nobody else tells it meanwhile.
        while let Some((mut observer, event)) = self.take_one_behind() {
            notify(&mut observer.pharos, &event);
            if !event.is_closed() && !observer.is_gone() {
                self.lock().observers.push(observer);
            }
        }
    }

    /// Takes an observer, and the event that it is to be told next: the current one first, then what
    /// follows.
    fn take_one_behind(&self) -> Option<(Observer, WsEvent)> {
        let mut list = self.lock();
        let len = list.history.len();
        let is_behind = |observer: &Observer| observer.told.is_none_or(|told| told < len);
        let index = list.observers.iter().position(is_behind)?;
        let mut observer = list.observers.swap_remove(index);
        let (event, told) = match observer.told {
            Some(told) => (list.history.get(told), told + 1),
            None => (list.history.last(), len),
        };
        let event = event.cloned().unwrap_or(WsEvent::Open);
        observer.told = Some(told);
        Some((observer, event))
    }

    fn lock(&self) -> MutexGuard<'_, ObserverList> {
        lock(&self.0)
    }
}

impl Observer {
    fn is_gone(&mut self) -> bool {
        self.pharos.num_observers() == 0
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
