// Written by Page/build.py; change the sources in Page and run it again.
// swift-format-ignore-file

extension Dashboard {
  static let parts = [
    headMarkup, frameStyle, viewsStyle, bodyMarkup, apiScript, domScript, formatScript, chartsScript, heatScript, storeScript, partsScript, trendsScript, whyScript, modelScript, accountScript, decisionScript, fleetScript, listsScript, mainScript, footMarkup,
  ]
  static let policy =
    "default-src 'none'; script-src 'sha256-jGBg8uFOeszOMylvQW1slMfve9YFBMTFvj2a+6Ojblo='; style-src 'sha256-BMn4sQWKDLvy4kDVKWRCcsDxY2qtPUjdDl3jWmuLLhU='; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}
