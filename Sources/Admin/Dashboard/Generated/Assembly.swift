// Written by Page/build.py; change the sources in Page and run it again.
// swift-format-ignore-file

extension Dashboard {
  static let parts = [
    headMarkup, frameStyle, viewsStyle, bodyMarkup, apiScript, domScript, formatScript, chartsScript, storeScript, partsScript, trendsScript, whyScript, modelScript, accountScript, decisionScript, heatScript, fleetScript, listsScript, mainScript, footMarkup,
  ]
  static let policy =
    "default-src 'none'; script-src 'sha256-ViVF7sRdZzFLFSpCfr8qWuDit/m0CDDR7nuIpF8F89M='; style-src 'sha256-cEP8b4Um3my5M5G5jjcSmnJJ7H4xKsO2wpaUn72y64I='; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}
