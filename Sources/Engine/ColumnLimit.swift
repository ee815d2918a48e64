import Events

extension MonitoringEngine {
  /// Refuses an event that would make a model hold more columns while all of them hold as many as they may. Models go on
  /// with the columns that they have.
  ///
  /// - Parameter held: the columns that the model at `index` holds now.
  /// - Throws: `tooLarge`.
  func requireColumns(of event: Event, _ index: Int, _ held: Int) throws(Remark) {
    let columns: Int
    switch event.body {
    case .baseline(let update): columns = update.features.map { $0.columns + $0.textColumns } ?? 0
    // Under preset `reference` a batch is judged, and nothing of it kept.
    case .features(let batch) where models[index].drift.isStandard:
      columns = batch.columns + batch.textColumns
    default: return
    }
    let wanted = columns * models[index].drift.parts
    guard wanted > held, fleet.held - held + wanted > settings.limits.columns else { return }
    throw Remark(
      .tooLarge,
      "\(models[index].key): \(columns) columns beside the \(fleet.held) of all models, limits.feature_columns is "
        + "\(settings.limits.columns)")
  }
}
