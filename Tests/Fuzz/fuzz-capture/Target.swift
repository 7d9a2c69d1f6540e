// Property: any file is decoded to a bounded number of records, and every record prints.
// Method: libFuzzer over whole files; a short input is also read as one frame of a file.

internal import Capture
internal import FuzzSupport

@c(LLVMFuzzerTestOneInput)
func fuzzOneInput(_ data: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let input = unsafe inputBytes(data, count)
  decode(input)
  if count <= 4400 {
    var writer = PcapWriter()
    writer.append(frame: input, timeNanoseconds: 1)
    writer.append(frame: input, timeNanoseconds: 2)
    decode(writer.bytes)
  }
  return 0
}

func decode(_ file: [UInt8]) {
  guard var decoder = try? Decoder(file) else { return }
  var records = 0
  while let message = decoder.next() {
    records += 1
    precondition(!message.line(since: decoder.startNanoseconds).isEmpty)
    precondition(message.bytes.count <= CaptureLimits.messageBytes)
  }
  // A frame makes at most a gap and a message, and a record takes 16 bytes of the file.
  precondition(records <= file.count / 8)
}
