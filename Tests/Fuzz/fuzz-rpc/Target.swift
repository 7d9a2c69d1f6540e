// Property: RPCs of any bytes give values or a typed error; what was decoded encodes to a message that decodes to the
// same and encodes to the same bytes.
// Method: libFuzzer; every input is read as a message, as a CONNECT, as a bulk request, as a log and as a table.

internal import FuzzSupport
internal import LustreWire
internal import WireSupport

@c(LLVMFuzzerTestOneInput)
func fuzzOneInput(_ data: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let input = unsafe inputBytes(data, count)
  if let once = try? reencodedRPC(input) {
    let twice = try? reencodedRPC(once)
    precondition(twice == once)
  }
  if let message = try? RPCMessage(decoding: input.rawBytes) { look(message, input) }
  if let header = try? remadeLogHeader(input) {
    let again = try? remadeLogHeader(header)
    precondition(again == header)
  }
  if let chunk = try? remadeLogChunk(input) {
    let again = try? remadeLogChunk(chunk)
    precondition(again == chunk)
  }
  walkTable(input)
  return 0
}

/// Readers that look at whole messages.
func look(_ message: RPCMessage, _ input: [UInt8]) {
  precondition(message.byteCount <= input.count)
  _ = message.earlyReplyChecksum(in: input.rawBytes)
  if let request = try? ConnectRequest(message, in: input.rawBytes) {
    precondition(request.target.description.utf8.count >= 0)
    _ = request.data.flags.names(with: request.data.flags2)
  }
  _ = try? ConnectReply(message, in: input.rawBytes)
  if let request = try? BulkIORequest(message, in: input.rawBytes) {
    for index in 0..<Int(request.object.rangeCount) {
      _ = request.range(index, in: input.rawBytes)
    }
    precondition(request.dataRange.upperBound <= input.count)
    _ = BulkMatchBits(last: .max, limit: request.object.bulkLimit)
  }
  _ = try? BulkIOReply.result(0, message, in: input.rawBytes)
}

/// Entries of a table of NIDs, until one is none.
func walkTable(_ input: [UInt8]) {
  var offset = 0
  while let entry = try? NIDTableEntry(decoding: input.rawBytes, at: offset) {
    for number in 0..<Int(entry.nidCount) {
      _ = try? entry.nid(number, at: offset, in: input.rawBytes)
    }
    offset += Int(entry.byteCount)
  }
}
