// Written by Page/build.py; change the sources in Page and run it again.
// swift-format-ignore-file

extension Dashboard {
  static let footMarkup = ##"""
</script>
</body>
</html>

"""##
}
