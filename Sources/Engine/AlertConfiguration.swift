package import Decisions
import Events
import Monitoring

/// What the configuration says of when alerts open and end; what it leaves open is the preset's.
package struct AlertConfiguration: Sendable, Equatable {
  package var hold: Duration?
  package var clearRatio: Double?
  package var clearEvaluations: Int?
  package var keepFiringFor: Duration?
  package var minimumSamples: Int?
  package var flap: Flap?

  package enum Flap: Sendable, Equatable {
    case off
    case on(FlapSettings)
  }

  package init() {}

  /// The same as a list of one, whose memory the many models under a preset's own settings share.
  func shared(_ preset: Preset) -> [AlertSettings] {
    let settings = settings(preset)
    return Self.presets.first { $0[0] == settings } ?? [settings]
  }

  private static let presets: [[AlertSettings]] = [[.immediate], [.standard]]

  package func settings(_ preset: Preset) -> AlertSettings {
    var settings: AlertSettings = preset == .standard ? .standard : .immediate
    if let hold { settings.hold = hold }
    if let clearRatio { settings.clearRatio = clearRatio }
    if let clearEvaluations { settings.clearEvaluations = clearEvaluations }
    if let keepFiringFor { settings.keepFiringFor = keepFiringFor }
    if let minimumSamples { settings.minimumSamples = minimumSamples }
    switch flap {
    case nil: break
    case .off: settings.flap = nil
    case .on(let flap): settings.flap = flap
    }
    return settings
  }
}

extension ModelSettings {
  /// Tells the rules that judge a model from others: the same settings, the same number, whenever and wherever.
  package var ruleRevision: UInt32 {
    var writer = StateWriter()
    writer.write(preset.rawValue)
    let alerts = alerts.settings(preset)
    for figure in [
      baselineAccuracy, performance.accuracyRatio, performance.latencyLimitMilliseconds, drift.threshold,
      standard.batchesPerFalseAlarm, standard.minimumDrop, alerts.clearRatio, alerts.flap?.suppress ?? 0,
      alerts.flap?.reuse ?? 0,
    ] {
      writer.write(figure)
    }
    for time in [
      alerts.hold, alerts.keepFiringFor, alerts.flap?.halfLife ?? .zero, noDataAfter ?? .zero,
      retrain.life.startWithin,
    ] {
      writer.write(time)
    }
    for count in [alerts.clearEvaluations, alerts.minimumSamples] { writer.write(count) }
    for metric in standard.metrics {
      writer.write(metric.name)
      writer.write(metric.direction.rawValue)
      for figure in [
        metric.range.lowerBound, metric.range.upperBound, metric.baseline ?? .nan, metric.tolerance ?? .nan,
      ] {
        writer.write(figure)
      }
    }
    let hash = stableHash(writer.bytes)
    return UInt32(truncatingIfNeeded: hash ^ hash >> 32)
  }
}
