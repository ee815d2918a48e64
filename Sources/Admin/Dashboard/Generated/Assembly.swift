// Written by Page/build.py; change the sources in Page and run it again.
// swift-format-ignore-file

extension Dashboard {
  static let parts = [
    headMarkup, frameStyle, viewsStyle, bodyMarkup, apiScript, domScript, formatScript, chartsScript, storeScript, partsScript, trendsScript, whyScript, modelScript, accountScript, decisionScript, heatScript, fleetScript, listsScript, mainScript, footMarkup,
  ]
  static let policy =
    "default-src 'none'; script-src 'sha256-MLl3okDcIVPq2+o3deAicd1DPpA4zlSG2Ghmo0aYhtk='; style-src 'sha256-ZhZzcHbAPGVp9tY3DwtVx341WVv7T0NL6Cw9MvxdLFg='; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}
