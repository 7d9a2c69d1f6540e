// What all fuzz targets share: the run with its committed corpus, and the input as bytes.
// A target lets the fuzzer trap it: `precondition` is the assertion here.

internal import Foundation
internal import FuzzDriver

/// Runs libFuzzer over `callback` with the program's own arguments, and with Tests/Fuzz/corpus/NAME as a
/// further folder of inputs. Does not return.
package func runFuzzer(
  _ name: String, _ callback: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Never {
  let corpus = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "corpus").appending(path: name).path
  var words = CommandLine.arguments
  // libFuzzer writes into the first folder that it is given: a committed one must not be it.
  let hasFolder = words.dropFirst().contains { !$0.hasPrefix("-") }
  if hasFolder, FileManager.default.fileExists(atPath: corpus) { words.append(corpus) }
  // SAFETY: the copies live until the process ends, as libFuzzer may keep them.
  var pointers = unsafe words.map { unsafe strdup($0) }
  unsafe pointers.append(nil)
  var count = Int32(words.count)
  let code = unsafe pointers.withUnsafeMutableBufferPointer { buffer in
    var base = buffer.baseAddress
    return unsafe LLVMFuzzerRunDriver(&count, &base, callback)
  }
  exit(code)
}

/// The input as an array.
package func inputBytes(_ data: UnsafePointer<UInt8>?, _ count: Int) -> [UInt8] {
  // SAFETY: libFuzzer lends `count` bytes at `data` for the duration of the call.
  unsafe Array(UnsafeBufferPointer(start: data, count: count))
}
