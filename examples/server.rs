//! A server on plain tokio: echoes the bytes of every connection.
//!
//! ```text
//! cargo run --example server -- 127.0.0.1:8080
//! ```
#![cfg_attr(all(target_family = "wasm", target_os = "unknown"), no_main)]
#![cfg(not(all(target_family = "wasm", target_os = "unknown")))]

use std::{env, error::Error};

use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
};
use wsio::native::accept;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = env::args().nth(1);
    let address = address.as_deref().unwrap_or("127.0.0.1:8080");
    let listener = TcpListener::bind(address).await?;
    println!("listening on ws://{}/", listener.local_addr()?);

    loop {
        let (tcp, peer) = listener.accept().await?;
        tokio::spawn(async move {
            match echo(tcp).await {
                Ok(bytes) => println!("{peer}: {bytes} bytes echoed"),
                Err(error) => eprintln!("{peer}: {error}"),
            }
        });
    }
}

/// How many bytes were echoed until the client closed.
async fn echo(tcp: TcpStream) -> Result<u64, Box<dyn Error + Send + Sync>> {
    let (_meta, stream) = accept(tcp).await?;
    let (mut reader, mut writer) = tokio::io::split(stream.into_io());
    let bytes = tokio::io::copy(&mut reader, &mut writer).await?;
    writer.shutdown().await?;
    Ok(bytes)
}
