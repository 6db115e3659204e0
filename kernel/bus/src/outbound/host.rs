//! Where a URL leads.

use forecourt_base::Host;
use ureq::http::Uri;

/// Where `url` leads; none unless it is an absolute URL of http or https, without a user and a fragment.
#[must_use]
pub fn host_of(url: &str) -> Option<Host> {
    let plain = url.bytes().all(|b| b.is_ascii_graphic()) && !url.contains(['#', '\\']);
    let uri: Uri = url.parse().ok().filter(|_| plain)?;
    let secure = match uri.scheme_str()? {
        "https" => true,
        "http" => false,
        _ => return None,
    };
    let authority = uri.authority()?;
    if authority.as_str().contains('@') || authority.host().is_empty() || authority.host().ends_with('.') {
        return None;
    }
    let own = if secure { 443 } else { 80 };
    let told = authority.as_str().len() > authority.host().len();
    let port = authority.port_u16();
    if told && port.is_none() {
        return None;
    }
    Some(Host { secure, name: authority.host().to_ascii_lowercase(), port: port.filter(|port| *port != own) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_leads_to_one_host() {
        let of = |url: &str| host_of(url).map(|host| (host.secure, host.to_string()));
        assert_eq!(of("https://API.example.com/v1?a=b"), Some((true, "api.example.com".to_owned())));
        assert_eq!(of("https://api.example.com:443/"), Some((true, "api.example.com".to_owned())));
        assert_eq!(of("http://127.0.0.1:8080/x"), Some((false, "127.0.0.1:8080".to_owned())));
        assert_eq!(of("https://[::1]:8443/"), Some((true, "[::1]:8443".to_owned())));
        for bad in [
            "",
            "api.example.com/v1",
            "/v1",
            "ftp://a.example/",
            "https://user@a.example/",
            "https://user:word@a.example/",
            "https://a.example/#b",
            "https://a.example./",
            "https://a.example:/",
            "https://a.example:99999/",
            "https://a.example\\@b.example/",
            "https://a.exa mple/",
            "https://例.example/",
            "https:///a",
        ] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }
}
