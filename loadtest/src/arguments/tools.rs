//! Settings of what measures nothing by itself.

use std::path::PathBuf;

use clap::Args;

/// Settings of `run`.
#[derive(Args, Clone, Debug)]
pub struct RunNamed {
    /// The name of a preset, or a file
    #[arg(value_name = "PRESET|FILE")]
    pub name: String,
    /// Any settings of its scenario; they override those of the file
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "SETTINGS")]
    pub settings: Vec<String>,
}

/// Settings of `explain`.
#[derive(Args, Clone, Debug)]
pub struct Explain {
    /// The name of a scenario or of a preset
    pub name: String,
}

/// Settings of `compare`.
#[derive(Args, Clone, Debug)]
pub struct Compare {
    /// A report, as --json wrote it
    pub before: PathBuf,
    /// Another
    pub after: PathBuf,
    /// A difference of less is none, percent
    #[arg(long, default_value_t = 5.0, value_name = "PERCENT")]
    pub noise: f64,
    /// Exit code 1 when a figure is worse by more than this
    #[arg(long, value_name = "PERCENT")]
    pub worse_max: Option<f64>,
}
