// Written by Page/build.py; change the sources in Page and run it again.
// swift-format-ignore-file

extension Dashboard {
  static let parts = [
    headMarkup, frameStyle, viewsStyle, bodyMarkup, apiScript, domScript, formatScript, chartsScript, heatScript, storeScript, partsScript, trendsScript, whyScript, modelScript, accountScript, decisionScript, fleetScript, listsScript, mainScript, footMarkup,
  ]
  static let policy =
    "default-src 'none'; script-src 'sha256-F6Boc28y3cYRSwzeFDTutwf6Hsv//6dzQuuEm7qLEJU='; style-src 'sha256-vEO387a7JPJXMUr+g33Gco0ZAB27WuZTn+rVj2rx+jU='; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}
