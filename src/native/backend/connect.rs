//! Opens connections: name, TCP, TLS, and the client's side of the opening handshake.

use http::{
    HeaderName, HeaderValue,
    header::{
        AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST, InvalidHeaderName, SEC_WEBSOCKET_ACCEPT,
        SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
        TRANSFER_ENCODING, UPGRADE,
    },
};
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
    options::TransportConnector,
    refused::refused_with,
    tls::Tls,
    transport::{ByteTransport, HandshakeTransport},
};
use crate::{
    Error, ErrorKind,
    address::{self, Endpoint},
    backend::Negotiated,
    options::Options,
    target::basic_auth,
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
    let request = request(&address, &target.protocols, &setup.headers)?;
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
    if response.headers().contains_key(SEC_WEBSOCKET_EXTENSIONS) {
        // RFC 6455 § 4.1.
        let message = "the server selected an extension that was not offered";
        return Err(Error::new(ErrorKind::HandshakeRefused, message));
    }
    let negotiated = Negotiated {
        url: address.url.into(),
        protocol: selected_protocol(&response),
        extensions: String::new(),
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
    /// Without the user and the password.
    url: Url,
    /// The value of `Authorization` for the user and the password, if there are any.
    authorization: Option<HeaderValue>,
    /// Without the brackets of an IPv6 address.
    host: String,
    port: u16,
    secure: bool,
}

impl Address {
    /// Parses with the parser of the WHATWG URL Standard, so that an address means the same as in a
    /// browser.
    fn parse(text: &str) -> Result<Self, Error> {
        let invalid = || {
            let url = address::redacted(text);
            Error::new(
                ErrorKind::InvalidUrl,
                format!("the URL is not valid: {url}"),
            )
        };
        let mut url = Url::parse(text).map_err(|error| invalid().caused_by(error))?;
        let host = match url.host().ok_or_else(invalid)? {
            url::Host::Domain(name) => name.to_owned(),
            url::Host::Ipv4(ip) => ip.to_string(),
            url::Host::Ipv6(ip) => ip.to_string(),
        };
        let port = url.port_or_known_default().ok_or_else(invalid)?;
        let authorization = take_credentials(&mut url);
        Ok(Self {
            authorization,
            host,
            port,
            secure: url.scheme() == "wss",
            url,
        })
    }
}

/// Takes the user and the password out of a URL, as the value of `Authorization`.
fn take_credentials(url: &mut Url) -> Option<HeaderValue> {
    let value = basic_auth::from_userinfo(url.username(), url.password())?;
    // A URL with a host can have both, or neither.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    let mut value = HeaderValue::try_from(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}

async fn dial(
    address: &Address,
    connector: Option<TransportConnector>,
) -> std::io::Result<Box<dyn ByteTransport>> {
    if let Some(connector) = connector {
        return connector(address.host.clone(), address.port).await;
    }
    let tcp = TcpStream::connect((address.host.as_str(), address.port)).await?;
    // Whole messages are written at a time: there is nothing to gain by waiting for more.
    tcp.set_nodelay(true)?;
    Ok(Box::new(tcp))
}

/// Headers that belong to the handshake, or that would announce a body.
const RESERVED: [HeaderName; 8] = [
    CONNECTION,
    UPGRADE,
    SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION,
    SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_ACCEPT,
    CONTENT_LENGTH,
];

/// Returns whether a header is not for the program to set.
pub(crate) fn is_reserved(name: &HeaderName) -> bool {
    RESERVED.contains(name) || *name == TRANSFER_ENCODING
}

fn request(
    address: &Address,
    protocols: &[String],
    added: &[(String, String)],
) -> Result<Request, Error> {
    let url = address.url.as_str();
    let mut request = url.into_client_request().map_err(|error| {
        let message = format!("the URL is not valid: {}", address::redacted(url));
        Error::new(ErrorKind::InvalidUrl, message).caused_by(error)
    })?;
    let headers = request.headers_mut();
    if !protocols.is_empty() {
        let value = header_value("Sec-WebSocket-Protocol", &protocols.join(", "))?;
        headers.insert(SEC_WEBSOCKET_PROTOCOL, value);
    }
    let mut has_host = false;
    for (name, value) in added {
        let value = header_value(name, value)?;
        let name = header_name(name)?;
        if is_reserved(&name) || (name == HOST && has_host) {
            let message =
                format!("the header {name} belongs to the opening handshake, or is given twice");
            return Err(Error::new(ErrorKind::InvalidOption, message));
        }
        if name == HOST {
            has_host = true;
            headers.insert(name, value);
        } else {
            headers.append(name, value);
        }
    }
    if let Some(value) = &address.authorization {
        headers
            .entry(AUTHORIZATION)
            .or_insert_with(|| value.clone());
    }
    Ok(request)
}

fn header_name(name: &str) -> Result<HeaderName, Error> {
    name.parse().map_err(|error: InvalidHeaderName| {
        let message = format!("{name:?} is not the name of a header");
        Error::new(ErrorKind::InvalidOption, message).caused_by(error)
    })
}

fn header_value(name: &str, value: &str) -> Result<HeaderValue, Error> {
    HeaderValue::from_str(value).map_err(|error| {
        let message = format!("the header {name:?} has an invalid value");
        Error::new(ErrorKind::InvalidOption, message).caused_by(error)
    })
}

fn selected_protocol(response: &Response) -> String {
    let value = response.headers().get(SEC_WEBSOCKET_PROTOCOL);
    let value = value.and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}

fn unreachable(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Network, "the server could not be reached").caused_by(error)
}

/// Returns the error for a failed opening handshake.
pub(crate) fn refused(error: tungstenite::Error) -> Error {
    use ProtocolError as P;
    use tungstenite::Error as E;
    match error {
        E::Http(response) => refused_with(response.map(Option::unwrap_or_default)),
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
