import Events

/// When a finding becomes an alert and when an alert is over. All times are model time.
package struct AlertSettings: Sendable, Equatable {
  /// A violation that lasts for so long opens.
  package var hold = Duration.zero
  /// An evaluation whose score is at most this counts towards the end; 1 counts every one without a violation.
  package var clearRatio = 0.8
  /// So many of them running begin the recovery.
  package var clearEvaluations = 3
  /// A recovery that lasts for so long ends the episode.
  package var keepFiringFor = Duration.seconds(600)
  /// Findings with fewer cases behind them open nothing.
  package var minimumSamples = 0
  /// Nil: openings are not counted.
  package var flap: FlapSettings? = FlapSettings()

  package init() {}

  /// Of preset `standard`.
  package static let standard = AlertSettings()

  /// Of preset `reference`, and of alerts that judge a silence: open with the first violation, over with the first
  /// finding without one.
  package static let immediate: AlertSettings = {
    var settings = AlertSettings()
    (settings.clearRatio, settings.clearEvaluations, settings.keepFiringFor) = (1, 1, .zero)
    settings.flap = nil
    return settings
  }()

  /// Whether a finding counts towards the end of an episode. One whose score is not known does not.
  func isClear(_ finding: Finding) -> Bool {
    !finding.isViolated && (clearRatio >= 1 || finding.score <= clearRatio)
  }

  func isEnough(_ finding: Finding) -> Bool {
    finding.isViolated && (minimumSamples == 0 || finding.samples >= minimumSamples)
  }
}

/// Damping of alerts that come and go, as routers damp routes (RFC 2439): each opening adds 1 to a penalty that
/// halves with time.
package struct FlapSettings: Sendable, Equatable {
  package var halfLife = Duration.seconds(1_800)
  /// At this penalty openings and endings are no longer told.
  package var suppress = 3.0
  /// And at this they are again.
  package var reuse = 1.0
  /// The penalty grows no further, so that suppression ends: with the defaults within 2 h of quiet.
  package static let ceiling = 16.0
  /// Half-lives after the last opening when nothing of it is left: of the ceiling 0.016.
  static let memory = 10

  package init() {}
}

/// How often an alert opened of late.
struct FlapPenalty: Sendable, Equatable {
  /// At ``at``.
  private(set) var value = 0.0
  private(set) var at = Timestamp.min
  private(set) var isSuppressed = false

  init() {}

  init(value: Double, at: Timestamp, isSuppressed: Bool) {
    (self.value, self.at, self.isSuppressed) = (value, at, isSuppressed)
  }

  func decayed(at time: Timestamp, by settings: FlapSettings) -> Double {
    guard value > 0, at < time else { return value }
    return value * Self.half(toThe: at.duration(to: time) / settings.halfLife)
  }

  mutating func open(at time: Timestamp, by settings: FlapSettings) {
    value = min(decayed(at: time, by: settings) + 1, FlapSettings.ceiling)
    at = max(at, time)
    if value >= settings.suppress { isSuppressed = true }
  }

  /// Ends the suppression when it is time. Without settings it is.
  mutating func release(at time: Timestamp, by settings: FlapSettings?) {
    guard isSuppressed else { return }
    isSuppressed = settings.map { decayed(at: time, by: $0) > $0.reuse } ?? false
  }

  /// Whether nothing of it is left.
  func isOver(at time: Timestamp, by settings: FlapSettings?) -> Bool {
    guard value > 0, let settings else { return true }
    return at.duration(to: time) >= settings.halfLife * FlapSettings.memory
  }

  /// ½ to a power from 0 on, by square roots, which are the same bits everywhere.
  static func half(toThe power: Double) -> Double {
    guard power < 1_000 else { return 0 }
    var result = 1.0
    for _ in 0..<Int(power) { result /= 2 }
    var fraction = power - power.rounded(.down)
    var root = 0.5
    for _ in 0..<40 where fraction > 0 {
      root = root.squareRoot()
      fraction *= 2
      guard fraction >= 1 else { continue }
      result *= root
      fraction -= 1
    }
    return result
  }
}
