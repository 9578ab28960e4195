//! x
/// Options
#[derive(Debug, Clone, Copy, Default)]
pub struct Options;
