import Foundation
import Synchronization
import ZeroMQ

/// The words of an errno.
func systemText(_ code: Int32) -> UnsafePointer<CChar> { UnsafePointer(strerror(code)) }

/// The file under a recorder: blocks go in without waiting, a thread of its own writes them.
///
/// What the disk does not take in time, or at all, is dropped and counted: at most ``queueBytes`` wait, or one
/// block that is larger. A block that refers to the dictionary of one that was dropped is dropped with it.
final class RecordingFile: Sendable {
  /// 128 blocks, some seconds of a busy daemon.
  static let queueBytes = 32 << 20
  /// Buffers kept to be filled again, each of at most ``spareBytes``.
  private static let spares = 4
  private static let spareBytes = 1 << 20
  /// Seconds that closing waits for the disk; the daemon promises to stop within 3 s.
  static let patience = 1.0

  /// What came of everything that was handed over.
  struct Account: Equatable {
    var messages: UInt64 = 0
    var bytes = 0
    /// Messages that are not in the file.
    var lost: UInt64 = 0
    /// errno of the last write that failed.
    var failure: Int32?
  }

  private struct Block {
    var bytes: [UInt8]
    var messages: UInt64
    var isFresh: Bool
  }

  private struct State {
    var queue: [Block] = []
    var queued = 0
    var spare: [[UInt8]] = []
    /// A block is missing, so only one with a fresh dictionary can follow.
    var isBroken = false
    var isClosed = false
    /// The file cannot be mended after a failed write, so nothing more goes in.
    var isAbandoned = false
    /// The first loss has been told.
    var isLossTold = false
    var account = Account()
  }

  private let state = Mutex(State())
  private let work = DispatchSemaphore(value: 0)
  private let done = DispatchSemaphore(value: 0)
  private let thread = Mutex<SocketThread?>(nil)
  private let patience: Double
  private let onFirstLoss: @Sendable (Int32?) -> Void

  /// Makes a file that only its owner may read; one that is there already is left alone.
  ///
  /// - Throws: errno as `system`; EEXIST when there is something of that name.
  convenience init(
    path: String, header: RecordingFileHeader, onFirstLoss: @escaping @Sendable (Int32?) -> Void = { _ in }
  ) throws(RecordingProblem) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw .system(errno) }
    try self.init(descriptor: descriptor, header: header, onFirstLoss: onFirstLoss)
  }

  /// - Parameters:
  ///   - descriptor: open for writing, owned from here on.
  ///   - patience: seconds that ``finish()`` waits.
  ///   - onFirstLoss: called once, by any thread, with errno; nil when the disk is only too slow.
  init(
    descriptor: Int32, header: RecordingFileHeader, patience: Double = RecordingFile.patience,
    onFirstLoss: @escaping @Sendable (Int32?) -> Void = { _ in }
  ) throws(RecordingProblem) {
    self.patience = patience
    self.onFirstLoss = onFirstLoss
    let bytes = header.bytes
    guard Self.write(bytes, to: descriptor) else {
      let code = errno
      close(descriptor)
      throw .system(code)
    }
    state.withLock { $0.account.bytes = bytes.count }
    do throws(ZeroMQError) {
      try thread.withLock { (thread) throws(ZeroMQError) in
        thread = try SocketThread(name: "tidemark-record") { [self] in
          writeBlocks(to: descriptor, from: bytes.count)
          close(descriptor)
          done.signal()
        }
      }
    } catch {
      close(descriptor)
      throw .system(error.code)
    }
  }

  var account: Account { state.withLock { $0.account } }

  /// A buffer to fill, empty.
  func emptyBuffer() -> [UInt8] {
    if let spare = state.withLock({ $0.spare.popLast() }) { return spare }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(RecordingFormat.blockBytes + 64 << 10)
    return bytes
  }

  /// Takes a block to write, complete but for its checksum. Never waits.
  ///
  /// - Returns: false when it was dropped: the next one must have a fresh dictionary.
  func offer(_ bytes: consuming [UInt8], messages: UInt64, isFresh: Bool) -> Bool {
    let size = bytes.count
    let block = Block(bytes: bytes, messages: messages, isFresh: isFresh)
    let isTaken = state.withLock { state in
      let hasRoom = state.queue.isEmpty || state.queued + size <= Self.queueBytes
      guard hasRoom, !state.isAbandoned, isFresh || !state.isBroken else {
        state.isBroken = true
        state.account.lost += messages
        return false
      }
      state.isBroken = false
      state.queued += size
      state.queue.append(block)
      return true
    }
    if isTaken { work.signal() } else { tellFirstLoss() }
    return isTaken
  }

  /// Counts messages that were never offered.
  func countLost(_ messages: UInt64) {
    state.withLock { $0.account.lost += messages }
    tellFirstLoss()
  }

  private func tellFirstLoss() {
    let (isFirst, failure) = state.withLock { state in
      defer { state.isLossTold = state.isLossTold || state.account.lost > 0 }
      return (state.account.lost > 0 && !state.isLossTold, state.account.failure)
    }
    if isFirst { onFirstLoss(failure) }
  }

  /// Writes out what waits, for at most ``patience`` seconds, or less where less is left; what is not written by then counts as lost.
  func finish(within limit: Duration? = nil) -> Account {
    let patience = limit.map { min(self.patience, Double($0.clampedNanoseconds) / 1e9) } ?? self.patience
    state.withLock { $0.isClosed = true }
    work.signal()
    guard done.wait(timeout: .now() + patience) == .success else {
      return state.withLock { state in
        state.account.lost += state.queue.reduce(0) { $0 + $1.messages }
        state.queue = []
        return state.account
      }
    }
    let thread = thread.withLock { $0.take() }
    thread?.join()
    return account
  }

  // MARK: The thread

  private func writeBlocks(to descriptor: Int32, from start: Int) {
    var end = start
    while true {
      work.wait()
      let (next, isClosed) = state.withLock { state -> (Block?, Bool) in
        guard !state.queue.isEmpty else { return (nil, state.isClosed) }
        return (state.queue.removeFirst(), false)
      }
      if isClosed { return }
      guard var block = next else { continue }
      RecordingBlockHeader.seal(&block.bytes)
      if Self.write(block.bytes, to: descriptor) {
        end += block.bytes.count
        settle(block, end: end)
      } else {
        drop(block, because: errno)
        // Half a block would hide what comes after it.
        guard ftruncate(descriptor, off_t(end)) == 0, lseek(descriptor, off_t(end), SEEK_SET) >= 0 else {
          return abandon()
        }
      }
    }
  }

  private func settle(_ block: Block, end: Int) {
    state.withLock { state in
      state.queued -= block.bytes.count
      state.account.messages += block.messages
      state.account.bytes = end
      guard state.spare.count < Self.spares, block.bytes.capacity <= Self.spareBytes else { return }
      var bytes = block.bytes
      bytes.removeAll(keepingCapacity: true)
      state.spare.append(bytes)
    }
  }

  /// Drops a block, and those behind it that refer to its dictionary.
  private func drop(_ block: Block, because code: Int32) {
    state.withLock { state in
      state.account.failure = code
      state.queued -= block.bytes.count
      state.account.lost += block.messages
      while let next = state.queue.first, !next.isFresh {
        state.queue.removeFirst()
        state.queued -= next.bytes.count
        state.account.lost += next.messages
      }
      if state.queue.isEmpty { state.isBroken = true }
    }
    tellFirstLoss()
  }

  /// Nothing can be written any more: every block from here on is dropped.
  private func abandon() {
    state.withLock { state in
      state.account.lost += state.queue.reduce(0) { $0 + $1.messages }
      (state.queue, state.queued) = ([], 0)
      state.isAbandoned = true
    }
  }

  /// Writes all of it; false when the system refused, which errno then tells.
  private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
    bytes.withUnsafeBytes { buffer in
      var rest = buffer[...]
      while !rest.isEmpty {
        let written = Foundation.write(
          descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
        if written < 0 && errno == EINTR { continue }
        guard written > 0 else { return false }
        rest = rest.dropFirst(written)
      }
      return true
    }
  }
}
