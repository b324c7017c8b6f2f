//! Opening a connection: name, TCP, TLS, handshake.

use http::{HeaderName, HeaderValue, header::SEC_WEBSOCKET_PROTOCOL};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    client_async,
    tungstenite::{
        self,
        client::IntoClientRequest,
        error::{ProtocolError, SubProtocolError},
        handshake::client::{Request, Response},
    },
};
use url::Url;

use super::{
    FramedLink, NativeOptions, NativeSocket, SocketLimits,
    options::Connector,
    tls::Tls,
    transport::{HandshakeTransport, Transport},
};
use crate::{
    Error, ErrorKind,
    backend::{Endpoint, Negotiated},
    native::RefusedHandshake,
    options::Options,
    target::frames::Role,
};

pub(crate) async fn connect(
    target: Endpoint,
    options: Options,
    setup: NativeOptions,
) -> Result<(NativeSocket, Negotiated), Error> {
    let address = Address::parse(&target.url)?;
    if address.secure && !Tls::SUPPORTED {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "wss: needs a TLS feature: rustls-native-roots, rustls-webpki-roots or native-tls",
        ));
    }
    let request = request(&address.url, &target.protocols, &setup.headers)?;
    let mut io = dial(&address, setup.connector).await.map_err(unreachable)?;
    if address.secure {
        io = setup
            .tls
            .secure(&address.host, io)
            .await
            .map_err(unreachable)?;
    }
    let (upgraded, response) = client_async(request, HandshakeTransport::new(io))
        .await
        .map_err(refused)?;
    let negotiated = Negotiated {
        url: address.url.into(),
        protocol: header(&response, "sec-websocket-protocol"),
        extensions: header(&response, "sec-websocket-extensions"),
    };
    let limits = limits(&options, setup.keepalive);
    let (io, read) = upgraded.into_inner().into_parts();
    let link = FramedLink::new(io, Role::Client, options.max_message_size, &read);
    Ok((NativeSocket::new(Box::new(link), limits), negotiated))
}

pub(crate) fn limits(
    options: &Options,
    keepalive: Option<(std::time::Duration, std::time::Duration)>,
) -> SocketLimits {
    SocketLimits {
        write_chunk: options.write_chunk,
        high_water_mark: options.high_water_mark,
        close_timeout: options.close_timeout,
        keepalive,
    }
}

struct Address {
    url: Url,
    /// Without the brackets of an IPv6 address.
    host: String,
    port: u16,
    secure: bool,
}

impl Address {
    /// With the parser of the WHATWG URL Standard, so that an address means what it means to a
    /// browser.
    fn parse(url: &str) -> Result<Self, Error> {
        let invalid = || Error::new(ErrorKind::InvalidUrl, format!("{url:?} is not a valid URL"));
        let url = Url::parse(url).map_err(|error| invalid().caused_by(error))?;
        let host = match url.host().ok_or_else(invalid)? {
            url::Host::Domain(name) => name.to_owned(),
            url::Host::Ipv4(ip) => ip.to_string(),
            url::Host::Ipv6(ip) => ip.to_string(),
        };
        let port = url.port_or_known_default().ok_or_else(invalid)?;
        let secure = url.scheme() == "wss";
        Ok(Self {
            url,
            host,
            port,
            secure,
        })
    }
}

async fn dial(
    address: &Address,
    connector: Option<Connector>,
) -> std::io::Result<Box<dyn Transport>> {
    if let Some(connector) = connector {
        return connector(address.host.clone(), address.port).await;
    }
    let tcp = TcpStream::connect((address.host.as_str(), address.port)).await?;
    // Whole messages are written at a time: there is nothing to gain by waiting for more.
    tcp.set_nodelay(true)?;
    Ok(Box::new(tcp))
}

fn request(
    url: &Url,
    protocols: &[String],
    headers: &[(String, String)],
) -> Result<Request, Error> {
    let mut request = url.as_str().into_client_request().map_err(|error| {
        Error::new(ErrorKind::InvalidUrl, format!("{url} cannot be requested")).caused_by(error)
    })?;
    if !protocols.is_empty() {
        let value = header_value("Sec-WebSocket-Protocol", &protocols.join(", "))?;
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, value);
    }
    for (name, value) in headers {
        let value = header_value(name, value)?;
        let name: HeaderName = name.parse().map_err(|error| {
            Error::new(
                ErrorKind::InvalidOption,
                format!("{name:?} is not a header name"),
            )
            .caused_by(error)
        })?;
        request.headers_mut().append(name, value);
    }
    Ok(request)
}

fn header_value(name: &str, value: &str) -> Result<HeaderValue, Error> {
    HeaderValue::from_str(value).map_err(|error| {
        Error::new(
            ErrorKind::InvalidOption,
            format!("the value of the header {name:?} is not one"),
        )
        .caused_by(error)
    })
}

fn header(response: &Response, name: &str) -> String {
    let value = response.headers().get(name);
    value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned()
}

fn unreachable(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Network, "the server could not be reached").caused_by(error)
}

/// What a failed opening handshake means.
pub(crate) fn refused(error: tungstenite::Error) -> Error {
    use ProtocolError as P;
    use tungstenite::Error as E;
    match error {
        E::Http(response) => {
            let status = response.status().as_u16();
            Error::new(
                ErrorKind::HandshakeRefused,
                format!("the handshake was refused with HTTP status {status}"),
            )
            .with_http_status(status)
            .caused_by(RefusedHandshake::new(*response))
        }
        E::Protocol(P::SecWebSocketSubProtocolError(reason)) => {
            let message = match reason {
                SubProtocolError::NoSubProtocol => "the server chose none of the subprotocols",
                SubProtocolError::ServerSentSubProtocolNoneRequested
                | SubProtocolError::InvalidSubProtocol => {
                    "the server chose a subprotocol that was not offered"
                }
            };
            Error::new(ErrorKind::ProtocolRefused, message).caused_by(error)
        }
        E::Io(error) => Error::new(
            ErrorKind::Network,
            "the connection broke during the opening handshake",
        )
        .caused_by(error),
        E::Protocol(P::HandshakeIncomplete) | E::ConnectionClosed | E::AlreadyClosed => Error::new(
            ErrorKind::Network,
            "the connection ended during the opening handshake",
        )
        .caused_by(error),
        error => Error::new(
            ErrorKind::HandshakeRefused,
            "the opening handshake was not one of WebSocket",
        )
        .caused_by(error),
    }
}

/// Returns a header of the response that refused a handshake.
#[cfg(feature = "event-source")]
pub(crate) fn refusal_header(error: &Error, name: &str) -> Option<String> {
    let value = error.http_headers()?.get(name)?;
    value.to_str().ok().map(str::to_owned)
}
