/// The dashboard: one page that needs nothing but this daemon's own API.
///
/// Its sources are in `Page`; `Page/build.py` writes them into `Generated` as text, since a resource beside the
/// binary would have to be installed with it. `Tests/Live/test_dashboard_build.py` holds both together.
enum Dashboard {
  /// The page as HTML, UTF-8: about 130 kB, put together once.
  static let page = parts.joined()

  /// What goes with it as `Content-Security-Policy`: by hashes, nothing runs but the page's own script, and by
  /// `connect-src`, it talks to this daemon alone.
  static let contentSecurityPolicy = policy
}
