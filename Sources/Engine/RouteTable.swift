import Events

/// Where the model and the source of an ``Origin`` stand, found by the object's identity.
///
/// Direct-mapped: an origin that finds its place taken takes it, and costs two lookups by name. The
/// table keeps what it points at alive, so no new object can pass for an old one. Nothing but time
/// depends on what it holds.
struct RouteTable: Sendable {
  struct Route: Sendable {
    var source: Int
    /// Nil until the model is watched.
    var model: Int?
  }

  private struct Entry: Sendable {
    var origin: ObjectIdentifier?
    var route: Route
  }

  /// 48 bytes each: 768 KiB.
  private static let places = 16_384

  private var entries = [Entry](repeating: Entry(origin: nil, route: Route(source: 0)), count: Self.places)
  /// What the entries point at; beside them, so that a search counts no references.
  private var kept = [Origin?](repeating: nil, count: Self.places)

  subscript(_ origin: Origin) -> Route? {
    get {
      let place = Self.place(of: origin)
      return entries[place].origin == ObjectIdentifier(origin) ? entries[place].route : nil
    }
    set {
      let place = Self.place(of: origin)
      guard let newValue else { return }
      entries[place] = Entry(origin: ObjectIdentifier(origin), route: newValue)
      kept[place] = origin
    }
  }

  /// Objects are 16 bytes apart at least; the multiplier is 2^64 over the golden ratio.
  private static func place(of origin: Origin) -> Int {
    let address = UInt64(UInt(bitPattern: ObjectIdentifier(origin)))
    return Int(((address >> 4) &* 0x9e37_79b9_7f4a_7c15) >> 50)
  }
}
