//! [`Settings`] of a service: what ServiceProviderConfig advertises is what is enforced.

/// Limits and facts of a service.
#[derive(Debug, Clone)]
pub struct Settings {
    /// A URL of documentation for people, for ServiceProviderConfig.
    pub documentation_uri: Option<String>,
    /// Resources in a page when the client names no count.
    pub default_page_size: usize,
    /// The most resources in a page; a greater count is cut to it (RFC 7644 §3.4.2.4 allows fewer).
    pub max_page_size: usize,
    /// The most operations of a bulk request.
    pub max_bulk_operations: usize,
    /// The largest bulk request, in bytes.
    pub max_bulk_payload: usize,
    /// The most members that one request may name.
    pub max_members: usize,
    /// How long a cursor stays valid, in seconds.
    pub cursor_timeout: u32,
    /// The key that cursors are authenticated with. Keep it: cursors given out before a restart, or by
    /// another instance, open with the same key only.
    pub cursor_key: [u8; 32],
}

impl Settings {
    /// Defaults with a cursor key of your own.
    #[must_use]
    pub fn new(cursor_key: [u8; 32]) -> Self {
        Self {
            documentation_uri: None,
            default_page_size: 100,
            max_page_size: 1000,
            max_bulk_operations: 1000,
            max_bulk_payload: 8 * 1024 * 1024,
            max_members: 100_000,
            cursor_timeout: 3600,
            cursor_key,
        }
    }
}
