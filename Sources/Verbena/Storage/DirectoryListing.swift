internal import CLinuxShims

/// The names in a directory.
enum DirectoryListing {
  /// Empty also when the directory cannot be read.
  static func names(in path: String) -> [String] {
    var error: Int32 = 0
    // SAFETY: the string is a C string for the length of the call; the error is written before it returns.
    let directory = unsafe clinux_directory_open(path, &error)
    guard directory != 0 else { return [] }
    defer { clinux_directory_close(directory) }
    var names: [String] = []
    var buffer = [CChar](repeating: 0, count: 256)
    // SAFETY: the call writes a C string within the capacity it is told.
    while unsafe clinux_directory_next(directory, &buffer, UInt32(buffer.count)) == 1 {
      let bytes = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
      names.append(String(decoding: bytes, as: UTF8.self))
    }
    return names
  }
}
