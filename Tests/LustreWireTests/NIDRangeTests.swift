// Property: a range of NIDs contains exactly what its text names, and expands to it in order and within bounds.
// Method: examples by hand; expansion compared with contains over whole subnets.

import LustreWire
import Testing

@Suite struct NIDRangeTests {
  @Test(arguments: [
    ("192.168.1.[1-253/2]@o2ib", 127), ("192.168.1.[1-2,4,8-10]@o2ib1", 6), ("10.0.0.1@tcp", 1),
    ("10.0.0.1", 1), ("10.0.[1-2].[3-4]@tcp", 4), ("192.168.1.*@o2ib", 256),
    ("[1-10/3]@kfi", 4), ("7@gni", 1), ("0@lo", 1), ("10.0.0.[5,5,4-6]@tcp", 3),
    ("[4294967295]@kfi", 1),
  ])
  func expands(text: String, count: Int) throws {
    let range = try NIDRange(text: text)
    let nids = try range.expanded(limit: 1000)
    #expect(nids.count == count)
    #expect(nids == nids.sorted())
    #expect(nids.allSatisfy { range.contains($0) })
  }

  @Test func namesTheRightOnes() throws {
    let range = try NIDRange(text: "192.168.1.[1-9/4]@o2ib2")
    let expected = [1, 5, 9].map { NID.o2ib(0xC0A8_0100 + $0, number: 2) }
    #expect(try range.expanded(limit: 3) == expected)
    for host in 0...255 as ClosedRange<UInt32> {
      let nid = NID.o2ib(0xC0A8_0100 + host, number: 2)
      #expect(range.contains(nid) == expected.contains(nid))
      #expect(!range.contains(.o2ib(0xC0A8_0100 + host)))
      #expect(!range.contains(.o2ib(0xC0A8_0200 + host, number: 2)))
    }
  }

  @Test func wholeNetwork() throws {
    let range = try NIDRange(text: "*@o2ib")
    #expect(range.contains(.o2ib(0)))
    #expect(range.contains(.o2ib(.max)))
    #expect(!range.contains(.tcp(1)))
    #expect(throws: NIDTextError.self) { try range.expanded(limit: .max >> 40) }
  }

  @Test(arguments: [
    ("10.0.[0-255].[0-255]@tcp", 65535), ("*@kfi", 1 << 31), ("10.0.0.[1-2]@tcp", 1),
    ("*.*.*.*@o2ib", 0), ("10.0.0.1@tcp", -1),
  ])
  func limitHolds(text: String, limit: Int) throws {
    let range = try NIDRange(text: text)
    #expect(throws: NIDTextError(text: text, offset: 0, problem: .tooMany(limit: limit))) {
      try range.expanded(limit: limit)
    }
  }

  @Test(arguments: [
    "", "[", "[]@tcp", "10.0.0.[]@tcp", "10.0.0.[2-1]@tcp", "10.0.0.[1-2/0]@tcp",
    "10.0.0.[1-256]@tcp",
    "10.0.0.[1-2@tcp", "10.0.0.[1-2]x@tcp", "10.0.0@tcp", "10.0.0.1.*@tcp", "*.0@tcp", "1@lo",
    "*@nope", "10.0.0.[1,]@tcp", "10.0.0.1@tcp[1-2]",
  ])
  func badTextIsRefused(text: String) {
    #expect(throws: NIDTextError.self) { try NIDRange(text: text) }
  }

  @Test func longTextIsRefused() {
    let text = "10.0.0.[" + String(repeating: "1,", count: 1000) + "1]@tcp"
    #expect(throws: NIDTextError.self) { try NIDRange(text: text) }
  }
}
