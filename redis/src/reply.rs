//! The answers of the scripts.

use redis::Value;
use wsio_events::{EventId, StoredEvent};

use crate::error::CallError;

/// Returns the bytes of a string.
pub(crate) fn bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.as_bytes()),
        Value::VerbatimString { text, .. } => Some(text.as_bytes()),
        _ => None,
    }
}

fn text(value: &Value) -> Option<&str> {
    std::str::from_utf8(bytes(value)?).ok()
}

/// Returns an id.
pub(crate) fn id(value: &Value) -> Option<EventId> {
    text(value)?.parse().ok()
}

/// Returns an id, or `None` for a log that Redis does not have.
pub(crate) fn id_or_none(value: &Value) -> Result<Option<EventId>, CallError> {
    match value {
        Value::Nil | Value::Boolean(false) => Ok(None),
        value => id(value).map(Some).ok_or(CallError::Answer),
    }
}

/// Returns the predecessor that an entry names, if it names one.
fn after(text: &str) -> Option<Option<EventId>> {
    match text {
        "" => Some(None),
        text => text.parse().ok().map(Some),
    }
}

/// The answer to an append.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Appended {
    /// The id, and the predecessor that the event names.
    New(EventId, Option<EventId>),
    Before(EventId),
}

pub(crate) fn appended(value: &Value) -> Option<Appended> {
    match value {
        Value::Array(values) => match &values[..] {
            [first] => Some(Appended::Before(id(first)?)),
            [first, second] => Some(Appended::New(id(first)?, after(text(second)?)?)),
            _ => None,
        },
        _ => None,
    }
}

/// The answer to the reading of a page: the newest id, and the events as they come.
pub(crate) fn page(value: &Value) -> Result<(Option<EventId>, Vec<StoredEvent>), CallError> {
    let Value::Array(values) = value else {
        return Err(CallError::Answer);
    };
    let (newest, events) = values.split_first().ok_or(CallError::Answer)?;
    let newest = id_or_none(newest)?;
    let events = events.chunks(3).map(|entry| match entry {
        [first, body, last] => {
            let after = after(text(last)?)?;
            Some(StoredEvent::new(id(first)?, after, bytes(body)?))
        }
        _ => None,
    });
    let events: Option<Vec<StoredEvent>> = events.collect();
    Ok((newest, events.ok_or(CallError::Answer)?))
}

/// A message of a channel: `ID AFTER`, and the body in the next line unless it is too large.
#[derive(Debug)]
pub(crate) enum TailMessage {
    Event(StoredEvent),
    /// There is an event to be read.
    Wake,
}

pub(crate) fn message(payload: &[u8]) -> TailMessage {
    let parse = || {
        let end = payload.iter().position(|byte| *byte == b'\n')?;
        let (head, body) = payload.split_at_checked(end)?;
        let (id, place) = std::str::from_utf8(head).ok()?.split_once(' ')?;
        let body = body.get(1..)?;
        Some(StoredEvent::new(id.parse().ok()?, after(place)?, body))
    };
    parse().map_or(TailMessage::Wake, TailMessage::Event)
}

/// The answer for a source: whether it is granted, and how far it has been handled.
pub(crate) fn source(value: &Value) -> Option<(bool, Option<u64>)> {
    let Value::Array(values) = value else {
        return None;
    };
    let is_granted = match values.first()? {
        Value::Int(granted) => *granted == 1,
        _ => return None,
    };
    let seen = match values.get(1).map(text) {
        None | Some(Some("")) => None,
        Some(seen) => Some(seen?.parse().ok()?),
    };
    Some((is_granted, seen))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    #[test]
    fn d5_an_answer_that_no_script_gives_is_an_error() {
        let values = [
            Value::Nil,
            Value::Int(3),
            Value::Okay,
            Value::Array(Vec::new()),
            Value::Array(vec![Value::Int(1)]),
            Value::Array(vec![string("1-1"), string("2-1"), string("no id")]),
            Value::Array(vec![string("1-1"), string("1-1"), string("body")]),
            Value::Array(vec![Value::BulkString(vec![0xff])]),
        ];
        for value in &values {
            assert!(page(value).is_err(), "{value:?}");
            assert!(appended(value).is_none(), "{value:?}");
        }
        assert!(source(&Value::Array(vec![Value::Int(1), string("-1")])).is_none());
    }

    #[test]
    fn d5_a_message_that_no_append_sends_makes_the_log_be_read() {
        for payload in [
            "",
            "\n",
            "1-1\n",
            "1-1 x\nbody",
            "x \nbody",
            "1-1 ",
            "1-1 1-0",
        ] {
            let message = message(payload.as_bytes());
            assert!(matches!(message, TailMessage::Wake), "{payload:?}");
        }
        let TailMessage::Event(event) = message(b"7-1 5-3\ndata: a\n\n") else {
            panic!("an event is expected");
        };
        assert_eq!(event.id(), EventId::new(7, 1));
        assert_eq!(event.after(), EventId::new(5, 3));
        assert_eq!(&event.block()[..], b"id: 7-1\ndata: a\n\n");
    }
}
