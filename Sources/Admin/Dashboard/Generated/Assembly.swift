// Written by Page/build.py; change the sources in Page and run it again.
// swift-format-ignore-file

extension Dashboard {
  static let parts = [
    headMarkup, frameStyle, viewsStyle, bodyMarkup, apiScript, domScript, formatScript, chartsScript, storeScript, partsScript, trendsScript, whyScript, modelScript, accountScript, decisionScript, heatScript, fleetScript, listsScript, mainScript, footMarkup,
  ]
  static let policy =
    "default-src 'none'; script-src 'sha256-j42YH7n1QUqHhIAALCFq1ushDVhpMtlQP9utqnLUjRQ='; style-src 'sha256-uaQ54TMRmLtN9MJz06HfV4Ih209v2VfATrTQ5X0pm0U='; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}
