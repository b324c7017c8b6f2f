//! The options of a connection that mean the same on every target and on both ends.

use std::time::Duration;

use crate::{Error, ErrorKind};

/// The options of a connection on every target. Sizes are in bytes.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) close_timeout: Option<Duration>,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) max_message_size: usize,
    pub(crate) write_chunk: usize,
    pub(crate) high_water_mark: usize,
    pub(crate) receive_limit: usize,
    pub(crate) refuse_text: bool,
}

/// The default limit of the opening handshake.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

impl Default for Options {
    fn default() -> Self {
        Self {
            close_timeout: Some(Duration::from_secs(5)),
            idle_timeout: None,
            max_message_size: 64 << 20,
            // Chromium cuts outgoing messages into frames of 131 000 bytes; just above that
            // sending is slower than just below. It is also well under what peers usually take.
            write_chunk: 128_000,
            high_water_mark: 1 << 20,
            receive_limit: 64 << 20,
            refuse_text: false,
        }
    }
}

impl Options {
    /// # Errors
    ///
    /// A size is zero that must not be.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let sizes = [
            ("max_message_size", self.max_message_size),
            ("write_chunk", self.write_chunk),
            ("high_water_mark", self.high_water_mark),
            ("receive_limit", self.receive_limit),
        ];
        match sizes.iter().find(|(_, size)| *size == 0) {
            Some((name, _)) => Err(Error::new(
                ErrorKind::InvalidOption,
                format!("{name} must not be zero"),
            )),
            None => Ok(()),
        }
    }
}

/// The setters of [`Options`], written once for every builder that has them. The builder keeps
/// them in a field named `options`.
macro_rules! option_setters {
    () => {
        /// Sets how long the closing handshake may take until the connection is given up; `None` for
        /// no limit. The default is 5 seconds.
        pub fn close_timeout(mut self, timeout: impl Into<Option<std::time::Duration>>) -> Self {
            self.options.close_timeout = timeout.into();
            self
        }

        /// Sets how long the connection may receive nothing until it counts as lost; `None`, the
        /// default, for no limit.
        ///
        /// On native targets every byte counts, also of Ping and Pong frames. A browser shows a page
        /// neither, so that there only whole messages count. A peer that is held back because
        /// nobody reads is not silent. The timeout is checked only while the connection is polled.
        /// If nothing polls it, it never expires.
        pub fn idle_timeout(mut self, timeout: impl Into<Option<std::time::Duration>>) -> Self {
            self.options.idle_timeout = timeout.into();
            self
        }

        /// Sets the size of the largest message to accept, in bytes. The default is 64 MiB.
        ///
        /// A larger one ends the connection with close code 1009 and
        /// [`ErrorKind::MessageTooBig`](crate::ErrorKind::MessageTooBig). A browser lets no page
        /// send 1009: there the code is 4413.
        pub fn max_message_size(mut self, bytes: usize) -> Self {
            self.options.max_message_size = bytes;
            self
        }

        /// Sets the size of the largest message that a [`WsIo`](crate::WsIo) makes of written bytes,
        /// in bytes. The default is 128 000.
        pub fn write_chunk(mut self, bytes: usize) -> Self {
            self.options.write_chunk = bytes;
            self
        }

        /// Sets how many bytes may be buffered for sending until the sink is no longer ready. The
        /// default is 1 MiB. At most this and one message is buffered. On native targets, a
        /// [`WsIo`](crate::WsIo) buffers at most 128 000 bytes and one write.
        pub fn high_water_mark(mut self, bytes: usize) -> Self {
            self.options.high_water_mark = bytes;
            self
        }

        /// Sets how many received bytes may be queued for the reader where the peer cannot be
        /// slowed down, which is so for the browser's `WebSocket`. The default is 64 MiB.
        ///
        /// More ends the connection with [`ErrorKind::QueueFull`](crate::ErrorKind::QueueFull) and
        /// close code 4507, after the queued messages have been read. On native targets TCP slows
        /// the peer down, and this has no effect.
        pub fn receive_limit(mut self, bytes: usize) -> Self {
            self.options.receive_limit = bytes;
            self
        }

        /// Sets whether a text message ends the connection with close code 1003 (from a browser,
        /// which lets no page send that, 4415) and
        /// [`ErrorKind::TextRefused`](crate::ErrorKind::TextRefused). By default text is accepted,
        /// and a [`WsIo`](crate::WsIo) reads it as its UTF-8 bytes.
        pub fn refuse_text(mut self, refuse: bool) -> Self {
            self.options.refuse_text = refuse;
            self
        }
    };
}
pub(crate) use option_setters;
