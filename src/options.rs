//! The options of a connection that mean the same on every target and on both ends.

use std::time::Duration;

use crate::{Error, ErrorKind};

/// What a connection is to keep to. Sizes are in bytes.
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

/// How long the opening handshake may take unless told otherwise.
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
        /// How long the closing handshake may take until the connection is given up; `None` for
        /// no limit. The default is 5 seconds.
        pub fn close_timeout(mut self, timeout: impl Into<Option<std::time::Duration>>) -> Self {
            self.options.close_timeout = timeout.into();
            self
        }

        /// How long the connection may receive nothing until it counts as lost; `None`, the
        /// default, for no limit.
        ///
        /// Natively every byte counts, also of Ping and Pong frames; in a browser, which shows
        /// a page neither, only whole messages do. The clock is looked at by whoever polls the
        /// connection: a stream that nobody reads does not notice.
        pub fn idle_timeout(mut self, timeout: impl Into<Option<std::time::Duration>>) -> Self {
            self.options.idle_timeout = timeout.into();
            self
        }

        /// The largest message to accept, in bytes; the default is 64 MiB. A larger one ends the
        /// connection with close code 1009 and
        /// [`ErrorKind::MessageTooBig`](crate::ErrorKind::MessageTooBig). A browser lets no page
        /// send 1009: there the code is 4413.
        pub fn max_message_size(mut self, bytes: usize) -> Self {
            self.options.max_message_size = bytes;
            self
        }

        /// The largest message that a [`WsIo`](crate::WsIo) makes of written bytes, in bytes; the
        /// default is 128 000.
        pub fn write_chunk(mut self, bytes: usize) -> Self {
            self.options.write_chunk = bytes;
            self
        }

        /// How many bytes may wait to be sent until the sink is no longer ready; the default is
        /// 1 MiB. What waits is at most this and one message.
        pub fn high_water_mark(mut self, bytes: usize) -> Self {
            self.options.high_water_mark = bytes;
            self
        }

        /// How many received bytes may wait for the reader where the peer cannot be slowed down,
        /// which is so for the browser's `WebSocket`; the default is 64 MiB. More ends the
        /// connection with [`ErrorKind::QueueFull`](crate::ErrorKind::QueueFull) and close code
        /// 4507, after everything up to there has been read. Natively TCP slows the peer down,
        /// and this is not needed.
        pub fn receive_limit(mut self, bytes: usize) -> Self {
            self.options.receive_limit = bytes;
            self
        }

        /// Whether a text message ends the connection with close code 1003 (from a browser,
        /// which lets no page send that: 4415) and
        /// [`ErrorKind::TextRefused`](crate::ErrorKind::TextRefused). By default text is
        /// accepted, and a [`WsIo`](crate::WsIo) reads it as its UTF-8 bytes.
        pub fn refuse_text(mut self, refuse: bool) -> Self {
            self.options.refuse_text = refuse;
            self
        }
    };
}
pub(crate) use option_setters;
