//! What is read of a peer that is slow, breaks off or talks nonsense.

use std::{collections::VecDeque, io};

use futures::StreamExt;
use tokio::{io::AsyncReadExt, time::Instant};
use wsio::CloseCode;

use super::{
    cut_short,
    script::{ALL, Act, meet},
};
use crate::{
    frames::{BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, TEXT, frame},
    support::drain,
};

#[tokio::test(start_paused = true)]
async fn e2_a_peer_that_is_gone_at_once() {
    let (meta, stream, _) = meet([Act::End], ALL).await;
    let (read, error) = cut_short(stream).await;
    assert_eq!((read.len(), error), (0, io::ErrorKind::UnexpectedEof));
    assert_eq!(meta.closed().await.code, CloseCode::ABNORMAL);
}

#[tokio::test(start_paused = true)]
async fn e2_a_peer_that_fails_in_the_middle_of_a_frame() {
    let whole = frame(FIN | BINARY, b"whole");
    let cut = frame(FIN | BINARY, b"cut off")[..5].to_vec();
    for end in [
        Act::End,
        Act::Fail(io::ErrorKind::ConnectionReset),
        Act::Fail(io::ErrorKind::TimedOut),
        Act::Fail(io::ErrorKind::Other),
    ] {
        let acts = [Act::Send(whole.clone()), Act::Send(cut.clone()), end];
        let (meta, stream, _) = meet(acts, ALL).await;
        let (read, error) = cut_short(stream).await;
        assert_eq!(read, b"whole");
        assert_eq!(error, io::ErrorKind::UnexpectedEof);
        assert!(!meta.closed().await.was_clean);
    }
}

#[tokio::test(start_paused = true)]
async fn e2_a_peer_that_fails_in_the_middle_of_a_message() {
    let acts = [
        Act::Send(frame(FIN | BINARY, b"whole")),
        Act::Send(frame(BINARY, b"half a ")),
        Act::End,
    ];
    let (_meta, stream, _) = meet(acts, ALL).await;
    let (read, error) = cut_short(stream).await;
    assert_eq!(read, b"whole");
    assert_eq!(error, io::ErrorKind::UnexpectedEof);
}

#[tokio::test(start_paused = true)]
async fn b1_a_peer_that_gives_one_byte_at_a_time() {
    let message = [
        frame(FIN | BINARY, b"one "),
        frame(FIN | TEXT, b""),
        frame(TEXT, b"two "),
        frame(FIN | PING, b"in between"),
        frame(CONTINUATION, b""),
        frame(FIN | CONTINUATION, "thrée".as_bytes()),
        frame(FIN | CLOSE, &1000_u16.to_be_bytes()),
    ];
    let bytes = message.concat();
    let hesitant = bytes
        .iter()
        .flat_map(|byte| [Act::Hesitate, Act::Send(vec![*byte])]);
    let (meta, stream, taken) = meet(hesitant.collect::<VecDeque<_>>(), ALL).await;
    let mut text = String::new();
    stream.into_io().read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "one two thrée");
    assert_eq!(meta.closed().await.code, 1000);
    let answers = [
        (FIN | PONG, b"in between".to_vec()),
        (FIN | CLOSE, vec![0x03, 0xE8]),
    ];
    assert_eq!(taken.frames(), answers);
}

#[tokio::test(start_paused = true)]
async fn f3_a_length_that_cannot_be_is_an_error() {
    for (len, code) in [
        (1_u64 << 63, None),
        ((1 << 63) - 1, Some(1009_u16)),
        (u64::MAX, None),
        ((64 << 20) + 1, Some(1009)),
    ] {
        let mut lie = vec![FIN | BINARY, 127];
        lie.extend_from_slice(&len.to_be_bytes());
        lie.extend_from_slice(b"not that much");
        let acts = [Act::Send(frame(FIN | BINARY, b"before")), Act::Send(lie)];
        let (meta, stream, taken) = meet(acts, ALL).await;
        let before = Instant::now();
        let (read, error) = cut_short(stream).await;
        assert_eq!(read, b"before");
        assert_eq!(error, io::ErrorKind::InvalidData, "{len}");
        // The peer was told, and waited for no longer than for any other closing handshake.
        assert!(before.elapsed().as_secs() <= 5);
        assert_eq!(meta.closed().await.code, CloseCode::ABNORMAL);
        let [(head, payload)] = &taken.frames()[..] else {
            panic!("not one frame");
        };
        assert_eq!(*head, FIN | CLOSE);
        let told = u16::from_be_bytes([payload[0], payload[1]]);
        // The topmost bit must be 0 (RFC 6455 § 5.2): too big, or against the rules.
        let possible = code.map_or(vec![1002, 1009], |code| vec![code]);
        assert!(possible.contains(&told), "{len}: {told}");
    }
}

#[tokio::test(start_paused = true)]
async fn e2_nonsense_is_an_error_and_no_panic() {
    for head in 0..=u8::MAX {
        for len in [0, 1, 2, 125, 126, 127, 128, 255] {
            let mut bytes = frame(FIN | BINARY, b"before");
            bytes.extend_from_slice(&[head, len, 0xFF, 0xFE, 0, 0xC3]);
            let (_meta, mut stream, _) = meet([Act::Send(bytes), Act::End], ALL).await;
            let (messages, error) = drain(&mut stream).await;
            assert_eq!(messages.first(), Some(&b"before".to_vec().into()));
            // Only an empty Close frame makes this an ordinary end.
            assert_eq!(
                error.is_none(),
                (head, len) == (FIN | CLOSE, 0),
                "{head} {len}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn e2_a_message_of_many_empty_pieces_is_no_end() {
    let mut acts = VecDeque::from([Act::Send(frame(BINARY, b"a"))]);
    for _ in 0..10_000 {
        acts.push_back(Act::Send(frame(CONTINUATION, b"")));
        acts.push_back(Act::Send(frame(FIN | PONG, b"")));
    }
    acts.push_back(Act::Send(frame(FIN | CONTINUATION, b"b")));
    acts.push_back(Act::Send(frame(FIN | CLOSE, b"")));
    let (_meta, mut stream, _) = meet(acts, ALL).await;
    assert_eq!(stream.next().await.unwrap().unwrap(), b"ab".to_vec().into());
    assert!(stream.next().await.is_none());
}
