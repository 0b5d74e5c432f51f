//! Asks another system over HTTP who logs in.
//!
//! ```text
//! POST auth.login_url   {"username", "password", "device", "address"}   Authorization: Bearer auth.login_secret
//!   200 {"user_id", "username", "nickname"}   let in; of the last two each may be absent,
//!                                             and what cannot be one here is left out
//!   401, 403, 404                             name or password are wrong
//!   anything else, or nothing in time         nobody is let in: the client is told to come again
//! ```

use std::sync::Arc;
use std::time::Duration;

use api::{Elsewhere, KnownUser, LoginAttempt, NoAnswer};
use proto::UserId;
use serde_json::Value;

/// Bytes of an answer.
const ANSWER_BYTES_MAX: u64 = 16 * 1024;

/// Where logins are decided.
#[derive(Clone, Debug)]
pub(crate) struct LoginHook {
    pub(crate) url: String,
    pub(crate) secret: Option<String>,
    pub(crate) timeout: Duration,
    pub(crate) at_once: usize,
}

impl LoginHook {
    /// For the API.
    pub(crate) fn elsewhere(&self) -> Elsewhere {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(self.timeout))
            // A password goes to whom it was meant for.
            .max_redirects(0);
        let agent = ureq::Agent::new_with_config(config.build());
        let hook = self.clone();
        Elsewhere::new(Arc::new(move |attempt| hook.ask(&agent, attempt)), self.at_once)
    }

    fn ask(&self, agent: &ureq::Agent, attempt: &LoginAttempt) -> Result<Option<KnownUser>, NoAnswer> {
        let question = serde_json::json!({
            "username": attempt.username,
            "password": attempt.password,
            "device": attempt.device,
            "address": attempt.address.map(|address| address.to_string()),
        });
        let mut request = agent.post(&self.url).header("content-type", "application/json");
        if let Some(secret) = &self.secret {
            request = request.header("authorization", format!("Bearer {secret}"));
        }
        let mut response = request.send(question.to_string()).map_err(|error| NoAnswer(error.to_string()))?;
        match response.status().as_u16() {
            200 => {}
            401 | 403 | 404 => return Ok(None),
            status => return Err(NoAnswer(format!("it answered {status}"))),
        }
        let text = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string();
        let text = text.map_err(|error| NoAnswer(error.to_string()))?;
        let answer: Value =
            serde_json::from_str(&text).map_err(|error| NoAnswer(format!("its answer: {error}")))?;
        let member = |name: &str| answer[name].as_str().map(str::to_owned);
        let user = UserId::parse(&member("user_id").unwrap_or_default());
        let user = user.map_err(|error| NoAnswer(format!("its answer: user_id: {error}")))?;
        Ok(Some(KnownUser { user, username: member("username"), nickname: member("nickname") }))
    }
}
