// Property: the logs of real management servers tell what a mount needs; headers that are none are typed errors.
// Method: the logs of a captured mount; lengths and types spoilt one by one.

import LustreWire
import Testing

@Suite struct CapturedLogTests {
  @Test func theMountsLog() throws {
    // Spec 11 §17.4: 25 records; which devices and targets the client learns.
    let vector = try #require(
      RPCVectors.captured.first {
        $0.name == "LLOG_ORIGIN_HANDLE_NEXT_BLOCK reply" && $0.source.hasPrefix("03-")
      })
    let chunk = try buffer(2, of: vector.bytes)
    var names: [String] = []
    var start = 0
    while start < 4120 {
      guard
        let header = try? LogRecordHeader(record: chunk.rawBytes, at: start, before: chunk.count)
      else { break }
      let record = try ConfigRecord(decoding: chunk.rawBytes, in: header.content(at: start))
      names.append(record.command.name.map { "\($0)" } ?? "?")
      if record.command == .setup, record.bufferCount == 3 {
        names.append(record.text(1, in: chunk.rawBytes) ?? "")
      }
      start += Int(header.length)
    }
    #expect(names.filter { $0 == "ADD_UUID" }.count == 4)
    #expect(names.contains("lustre-MDT0000_UUID") && names.contains("lustre-OST0000_UUID"))
    #expect(names.filter { $0 == "MARKER" }.count == 10)
    #expect(names.count == 25 + 2)
  }

  @Test func badHeaders() throws {
    let vector = try #require(
      RPCVectors.captured.first { $0.name == "LLOG_ORIGIN_HANDLE_READ_HEADER reply" })
    let whole = try buffer(1, of: vector.bytes)
    func failure(_ bytes: [UInt8]) -> WireError? {
      var swapped = false
      do throws(WireError) {
        _ = try LogHeader(decoding: bytes.rawBytes, swapped: &swapped)
        return nil
      } catch { return error }
    }
    #expect(failure(whole) == nil)
    #expect(
      failure(Array(whole[..<8191])) == .truncated(.logHeader, needed: 8192, available: 8191))
    #expect(
      failure(RPCFramingTests.storing(0x1064_5538, at: 8, in: whole))
        == .badMagic(.logHeader, found: 0x1064_5538))
    #expect(
      failure(RPCFramingTests.storing(4096, at: 0, in: whole))
        == .illegalLength(.logHeader, length: 4096))
    #expect(failure(RPCFramingTests.storing(0, at: 8184, in: whole)) != nil)
    let set = [-1, 0, 25, LogHeader.maximumRecords].map {
      LogHeader.isSet($0, in: whole.rawBytes)
    }
    #expect(set == [false, true, true, false])
    #expect(LogHeader.maximumRecords == 64768)
  }
}
