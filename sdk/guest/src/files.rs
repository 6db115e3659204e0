//! Files that records name. A field of type `file-ref` ([`crate::common::FileRef`]) holds one's name; the kernel refuses a record that names a file which is not
//! there, and keeps a file for as long as a record names it.

pub use crate::private::wit::forecourt::kernel::files::Details;

use crate::private::wit::forecourt::kernel::files;

/// What is known of a file of the calling store or its group; none where there is no such file.
#[must_use]
pub fn info(file: &str) -> Option<Details> {
    files::info(file)
}
