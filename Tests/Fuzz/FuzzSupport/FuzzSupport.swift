// What all fuzz targets share: the run, and the input as bytes.
// A target lets the fuzzer trap it: `precondition` is the assertion here. The seeds of target fuzz-NAME are
// in corpus/NAME; whoever runs it gives that folder after one that may be written to.

internal import FuzzDriver
internal import Glibc

/// Runs libFuzzer over `callback` with the program's own arguments. Does not return.
package func runFuzzer(
  _ callback: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Never {
  // SAFETY: the copies live until the process ends, as libFuzzer may keep them.
  var pointers = unsafe CommandLine.arguments.map { unsafe strdup($0) }
  var count = Int32(unsafe pointers.count)
  unsafe pointers.append(nil)
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
