/// How often lines of one kind are written: at once up to ``burst``, then one a second; how many were held
/// back is told in the next one.
///
/// A kind is a place in the source and a reason. Nothing that a peer sends makes more of them, so a hostile
/// one cannot fill a disk: with 256 kinds of 4 KiB at most 1 MiB a second, and in practice one line a second.
struct LogRate {
  struct Kind: Hashable {
    var file: String
    var line: UInt
    var reason: String
  }

  private struct Bucket {
    var left: Double
    var since: Double
    var heldBack: UInt64 = 0
  }

  static let burst = 20.0
  static let perSecond = 1.0
  /// There are about 50 places and 30 reasons, seldom together. More than these share one bucket.
  static let maximumKinds = 256

  private var buckets: [Kind: Bucket] = [:]

  /// Whether a line may be written, with how many of its kind were held back since the last one.
  ///
  /// - Parameter now: seconds of a clock that does not go back.
  mutating func admit(_ kind: Kind, at now: Double) -> UInt64? {
    var kind = kind
    if buckets[kind] == nil && buckets.count >= Self.maximumKinds {
      kind = Kind(file: "", line: 0, reason: "")
    }
    var bucket = buckets[kind] ?? Bucket(left: Self.burst, since: now)
    bucket.left = min(Self.burst, bucket.left + (now - bucket.since) * Self.perSecond)
    bucket.since = now
    defer { buckets[kind] = bucket }
    guard bucket.left >= 1 else {
      bucket.heldBack += 1
      return nil
    }
    bucket.left -= 1
    defer { bucket.heldBack = 0 }
    return bucket.heldBack
  }
}
