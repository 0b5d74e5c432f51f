//! Why a cluster lets this process not in, in words that say which setting to look at.

use std::io;

use rustls::{AlertDescription, CertificateError};
use scylla::errors::{
    BrokenConnectionError, BrokenConnectionErrorKind, ConnectionError, ConnectionPoolError,
    ConnectionSetupRequestErrorKind, DbError, FrameHeaderParseError, MetadataError, NewSessionError,
};

use super::config::CqlConfig;
use super::error::CqlError;

const AUTHORITY: &str =
    "`store.cql.ca_file` must hold the certificate of the authority that signed those of the nodes";
const NAME: &str = "the certificate of the node carries neither its address nor the name of `store.cql.server_name`: \
                    set that to a name which all nodes carry";
const TIME: &str = "the certificate of the node is not valid now: renew it, or set the clock of this machine";
const IDENTITY: &str = "it takes no client without a certificate that it trusts: set `store.cql.cert_file` and \
                        `store.cql.key_file` to one";
const HUNG_UP: &str =
    "it ended the connection before it said a word: if it wants TLS, set `store.cql.tls = true`";
const HUNG_UP_ON_TLS: &str = "it ended the connection before it said a word: if it takes no client without a certificate \
                              that it trusts, set `store.cql.cert_file` and `store.cql.key_file` to one";
const NO_TLS: &str = "it answers without TLS: switch that on at the nodes, or set `store.cql.tls = false`";
const NO_LOGIN: &str = "it wants a login: set `store.cql.user` and `store.cql.password_file`";

/// Of a connection that was not made; with advice, where it was refused and not only missed.
pub(super) fn of(error: NewSessionError, config: &CqlConfig) -> CqlError {
    let advice = match &error {
        NewSessionError::MetadataError(MetadataError::ConnectionPoolError(ConnectionPoolError::Broken {
            last_connection_error,
        })) => advice(last_connection_error, config),
        _ => None,
    };
    let source = Box::new(error);
    match advice {
        Some(advice) => CqlError::Refused { advice, source },
        None => CqlError::Connect(source),
    }
}

fn advice(error: &ConnectionError, config: &CqlConfig) -> Option<String> {
    let tls = match error {
        ConnectionError::IoError(error) => of_tls(error),
        ConnectionError::BrokenConnection(broken) => of_broken(broken, config),
        ConnectionError::ConnectionSetupRequestError(setup) => match &setup.error {
            ConnectionSetupRequestErrorKind::MissingAuthentication => Some(NO_LOGIN),
            ConnectionSetupRequestErrorKind::DbError(DbError::AuthenticationError, _) => {
                let user = config.credentials.as_ref().map_or("", |credentials| credentials.user.as_str());
                return Some(format!(
                    "it refuses the login of `{user}`: check `store.cql.user` and `store.cql.password`"
                ));
            }
            ConnectionSetupRequestErrorKind::BrokenConnection(broken) => of_broken(broken, config),
            _ => None,
        },
        _ => None,
    };
    tls.map(str::to_owned)
}

/// A server looks at the client's certificate last: it may end a connection that the client thinks made. Of two places at which the
/// driver notices that, one knows why.
fn of_broken(error: &BrokenConnectionError, config: &CqlConfig) -> Option<&'static str> {
    let said = match error.downcast_ref::<BrokenConnectionErrorKind>()? {
        BrokenConnectionErrorKind::FrameHeaderParseError(FrameHeaderParseError::HeaderIoError(error))
        | BrokenConnectionErrorKind::WriteError(error) => of_tls(error),
        BrokenConnectionErrorKind::ChannelError => None,
        _ => return None,
    };
    said.or(Some(if config.tls.is_some() { HUNG_UP_ON_TLS } else { HUNG_UP }))
}

fn of_tls(error: &io::Error) -> Option<&'static str> {
    match error.get_ref()?.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => Some(NAME),
        rustls::Error::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        ) => Some(TIME),
        rustls::Error::InvalidCertificate(_) => Some(AUTHORITY),
        rustls::Error::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA,
        ) => Some(IDENTITY),
        rustls::Error::InvalidMessage(_) => Some(NO_TLS),
        _ => None,
    }
}
