/// Exit codes of sysexits.h, so that scripts and supervisors can tell failures apart. A wrong command
/// line ends with 64 (EX_USAGE) before any of this code runs.
package enum ExitStatus: Int32, Sendable {
  case success = 0
  /// Input that could not be taken (EX_DATAERR).
  case data = 65
  /// A file that is not there or cannot be read (EX_NOINPUT).
  case noInput = 66
  /// A socket that could not be bound (EX_UNAVAILABLE).
  case unavailable = 69
  /// A failure of the system or of ours (EX_OSERR).
  case system = 71
  /// A file that is there already or cannot be made (EX_CANTCREAT).
  case cannotCreate = 73
  /// A wrong configuration (EX_CONFIG).
  case configuration = 78
}
