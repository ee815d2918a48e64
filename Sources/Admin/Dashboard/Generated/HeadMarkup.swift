// Written by Page/build.py; change the sources in Page and run it again.
// swift-format-ignore-file

extension Dashboard {
  static let headMarkup = ##"""
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>Tidemark</title>
<link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath d='M1 9c2-3 3-3 5 0s3 3 5 0 3-3 4-1' fill='none' stroke='%230b7d74' stroke-width='2' stroke-linecap='round'/%3E%3C/svg%3E">
<style>
"""##
}
