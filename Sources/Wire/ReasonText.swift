import Events

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension TriggerReason {
  /// The sentence of preset `reference`, digit for digit.
  package var text: String {
    switch self {
    case .accuracyDropped(let drop): "Accuracy dropped by \(fixed(drop, 3))"
    case .driftDetected(let score): "Drift detected (score: \(fixed(score, 2)))"
    case .maximumTimeExceeded(let elapsed):
      "Maximum time exceeded (\(fixed(elapsed.secondsValue / 86_400, 1)) days)"
    case .waitingForMinimumTime(let minimum):
      "Waiting for minimum time (\(fixed(minimum.secondsValue / 3600, 1))h)"
    }
  }
}

/// `value` with so many digits after the point, its binary value rounded half to even, as C and
/// Python print it.
private func fixed(_ value: Double, _ digits: Int32) -> String {
  // The longest double has 309 digits before the point.
  withUnsafeTemporaryAllocation(of: CChar.self, capacity: 336) { buffer in
    let count = withVaList([digits, value]) { vsnprintf(buffer.baseAddress, buffer.count, "%.*f", $0) }
    return String(decoding: buffer.prefix(Int(count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
