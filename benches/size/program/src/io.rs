use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use wasm_bindgen::JsError;

/// Sends back the bytes it receives until the end.
pub(crate) async fn echo(mut io: impl AsyncRead + AsyncWrite + Unpin) -> Result<(), JsError> {
    let mut buffer = [0; 4096];
    loop {
        let read = io.read(&mut buffer).await?;
        if read == 0 {
            break;
        }
        io.write_all(&buffer[..read]).await?;
        io.flush().await?;
    }
    io.close().await?;
    Ok(())
}
