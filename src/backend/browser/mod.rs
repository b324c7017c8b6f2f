//! The browser's backend: the page's own `WebSocket`.

mod handlers;
mod inbox;
mod outbox;
mod setup;
mod socket;
mod ticker;
mod time;

pub(crate) use self::{
    setup::Setup,
    socket::Socket,
    time::{Moment, Timer},
};
