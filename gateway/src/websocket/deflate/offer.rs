//! What of `permessage-deflate` a client offers, and the answer (RFC 7692 section 7.1).

use http::header::SEC_WEBSOCKET_EXTENSIONS;
use http::{HeaderMap, HeaderValue};

const NAME: &str = "permessage-deflate";

/// What an offer asks of the server.
#[derive(Default)]
struct Offer {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    client_max_window_bits: Option<u8>,
}

/// The value of `Sec-WebSocket-Extensions` that accepts the first offer which a server with this window can fulfil; `None`
/// when there is none, and the extension is not used.
///
/// The answer always says that neither side keeps its window between messages, which section 7.1.1 lets a server decide for both.
pub fn agree(headers: &HeaderMap, window_bits: u8) -> Option<HeaderValue> {
    let values =
        headers.get_all(SEC_WEBSOCKET_EXTENSIONS).into_iter().filter_map(|value| value.to_str().ok());
    let offer = values
        .flat_map(|value| value.split(','))
        .filter_map(read)
        .find(|offer| offer.server_max_window_bits.is_none_or(|asked| asked >= window_bits))?;
    let mut answer = format!("{NAME}; server_no_context_takeover; client_no_context_takeover");
    if offer.server_max_window_bits.is_some() {
        answer.push_str(&format!("; server_max_window_bits={window_bits}"));
    }
    HeaderValue::try_from(answer).ok()
}

/// An offer of this extension; `None` for another one, or for one that section 7.1 makes the server decline.
fn read(extension: &str) -> Option<Offer> {
    let mut parts = extension.split(';').map(str::trim);
    if !parts.next()?.eq_ignore_ascii_case(NAME) {
        return None;
    }
    let mut offer = Offer::default();
    for parameter in parts {
        let (name, value) = match parameter.split_once('=') {
            Some((name, value)) => (name.trim_end(), Some(unquoted(value.trim_start()))),
            None => (parameter, None),
        };
        match (name, value) {
            ("server_no_context_takeover", None) => once(&mut offer.server_no_context_takeover)?,
            ("client_no_context_takeover", None) => once(&mut offer.client_no_context_takeover)?,
            ("server_max_window_bits", Some(bits)) if offer.server_max_window_bits.is_none() => {
                offer.server_max_window_bits = Some(window_bits(bits)?);
            }
            // Without a value: the client can be told one. It is not, as any window can be inflated here.
            ("client_max_window_bits", bits) if offer.client_max_window_bits.is_none() => {
                offer.client_max_window_bits = Some(bits.map_or(Some(15), window_bits)?);
            }
            _ => return None,
        }
    }
    Some(offer)
}

/// Section 7.1: the same parameter twice makes the offer invalid.
fn once(seen: &mut bool) -> Option<()> {
    (!std::mem::replace(seen, true)).then_some(())
}

fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value)
}

/// 8 to 15, without leading zeros.
fn window_bits(text: &str) -> Option<u8> {
    let bits = text.parse().ok().filter(|bits| (8..=15).contains(bits))?;
    (!text.starts_with(['0', '+'])).then_some(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

    #[track_caller]
    fn assert_answer(offers: &[&str], window_bits: u8, answer: Option<&str>) {
        let mut headers = HeaderMap::new();
        for offer in offers {
            headers.append(SEC_WEBSOCKET_EXTENSIONS, offer.parse().unwrap());
        }
        let agreed = agree(&headers, window_bits);
        assert_eq!(agreed.as_ref().map(|answer| answer.to_str().unwrap()), answer);
    }

    #[test]
    fn what_browsers_offer_is_agreed_without_context_takeover() {
        assert_answer(&["permessage-deflate; client_max_window_bits"], 15, Some(BOTH));
        assert_answer(&["permessage-deflate"], 12, Some(BOTH));
        assert_answer(
            &["x-webkit-deflate-frame, Permessage-Deflate;client_no_context_takeover"],
            15,
            Some(BOTH),
        );
        assert_answer(&["foo", "permessage-deflate; client_max_window_bits=\"10\""], 15, Some(BOTH));
    }

    #[test]
    fn a_smaller_window_is_agreed_where_the_server_has_it() {
        let nine = format!("{BOTH}; server_max_window_bits=9");
        assert_answer(&["permessage-deflate; server_max_window_bits=9"], 9, Some(&nine));
        assert_answer(&["permessage-deflate; server_max_window_bits=15"], 9, Some(&nine));
        assert_answer(&["permessage-deflate; server_max_window_bits=10"], 15, None);
        let fallback = "permessage-deflate; server_max_window_bits=10, permessage-deflate";
        assert_answer(&[fallback], 15, Some(BOTH));
    }

    #[test]
    fn invalid_offers_are_declined() {
        assert_answer(&[], 15, None);
        for parameter in [
            "server_max_window_bits",
            "server_max_window_bits=7",
            "server_max_window_bits=16",
            "server_max_window_bits=015",
            "server_max_window_bits=15; server_max_window_bits=15",
            "client_max_window_bits=8; client_max_window_bits",
            "client_max_window_bits=x",
            "server_no_context_takeover=1",
            "client_no_context_takeover; client_no_context_takeover",
            "no_such_parameter",
            "",
        ] {
            assert_answer(&[&format!("permessage-deflate; {parameter}")], 15, None);
        }
    }
}
