internal import Foundation
internal import Glibc

/// A file of this host that an object's bytes come from or go to, at any place and from any thread.
final class ObjectFile: Sendable {
  let path: String
  private let file: FileHandle
  /// Standard output cannot be written at a place: its bytes come in order.
  let isStream: Bool

  /// Opens a file to be read.
  init(reading path: String) throws(CommandFailure) {
    guard let file = FileHandle(forReadingAtPath: path) else {
      throw CommandFailure(.failed, "cannot read \(path): \(ErrnoText.last)")
    }
    self.path = path
    self.file = file
    isStream = false
  }

  /// Opens a file to be written, and empties it; `-` is standard output.
  init(writing path: String) throws(CommandFailure) {
    self.path = path
    isStream = path == "-"
    if isStream {
      file = .standardOutput
      return
    }
    // SAFETY: the path is a C string for the length of the call.
    let descriptor = unsafe Glibc.open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else {
      throw CommandFailure(.failed, "cannot write \(path): \(ErrnoText.last)")
    }
    file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
  }

  /// How long it is: only what has a length can become an object.
  func byteCount() throws(CommandFailure) -> UInt64 {
    var status = stat()
    // SAFETY: the structure outlives the call.
    let result = unsafe fstat(file.fileDescriptor, &status)
    guard result == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw CommandFailure(.failed, "\(path) is no plain file")
    }
    return UInt64(status.st_size)
  }

  /// Reads so many bytes to the span's beginning.
  func read(
    _ byteCount: Int, into span: inout MutableRawSpan, at offset: UInt64
  ) throws(CommandFailure) {
    precondition(byteCount <= span.byteCount, "more than fits")
    var done = 0
    while done < byteCount {
      let descriptor = file.fileDescriptor
      // SAFETY: the pointer is used only in here, for bytes of the span behind `done`.
      let count = unsafe span.withUnsafeMutableBytes { bytes in
        unsafe pread(
          descriptor, bytes.baseAddress.map { unsafe $0 + done }, byteCount - done,
          off_t(offset) + off_t(done))
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        let why = count == 0 ? "it has become shorter" : ErrnoText.last
        throw CommandFailure(.failed, "cannot read \(path): \(why)")
      }
      done += count
    }
  }

  /// Writes the whole span; a stream's bytes go behind those before.
  func write(_ span: borrowing RawSpan, at offset: UInt64) throws(CommandFailure) {
    var done = 0
    while done < span.byteCount {
      let descriptor = file.fileDescriptor
      // SAFETY: the pointer is used only in here, for bytes of the span behind `done`.
      let count = unsafe span.withUnsafeBytes { bytes in
        let start = unsafe bytes.baseAddress.map { unsafe $0 + done }
        return isStream
          ? unsafe Glibc.write(descriptor, start, bytes.count - done)
          : unsafe pwrite(descriptor, start, bytes.count - done, off_t(offset) + off_t(done))
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        throw CommandFailure(.failed, "cannot write \(path): \(ErrnoText.last)")
      }
      done += count
    }
  }
}

private enum ErrnoText {
  /// Why the last call has failed.
  static var last: String {
    let number = errno
    // SAFETY: the text is the C library's and copied at once.
    return unsafe String(cString: strerror(number))
  }
}
