import CLinuxShims
import LNet
import LustreWire
import NodeCore
import RDMATransport
import Structures

/// Whole nodes in one thread: what the code of a message costs when no processor waits for another.
func measureNodes() throws {
  let pair = try EndPair()
  pair.measureIdle()
  pair.measureEcho()
  pair.measureStream()
  pair.measureDriver()
  pair.measureFabric()
}

/// Two connected nodes.
final class EndPair {
  var a: End
  var b: End

  init() throws {
    let fabric = "micro-\(clinux_process())"
    a = try End(fabric: fabric, address: 0x0A00_0001, depth: 8)
    b = try End(fabric: fabric, address: 0x0A00_0002, depth: 8)
    a.peer = b.nid
    b.peer = a.nid
    a.put()
    while b.arrivedCount == 0 {
      let now = clinux_monotonic_nanoseconds()
      a.node.turn.now = now
      b.node.turn.now = now
      turns(1)
    }
    turns(100)
  }

  private func turns(_ times: Int) {
    for _ in 0..<times {
      a.turn(echoes: false)
      b.turn(echoes: false)
    }
  }

  func measureIdle() {
    measure("node: an idle turn") { times in turns(times / 2) }
  }

  func measureEcho() {
    measure("node: PUT of 64 B to and fro, one way") { times in
      let end = b.arrivedCount + times / 2
      a.put()
      while b.arrivedCount < end {
        a.turn(echoes: true)
        b.turn(echoes: true)
      }
      turns(2)
    }
  }

  func measureStream() {
    measure("node: PUT of 64 B, eight at a time") { times in
      let end = b.arrivedCount + times
      var started = b.arrivedCount
      while b.arrivedCount < end {
        while started < end, started - b.arrivedCount < 8 {
          a.put()
          started += 1
        }
        turns(1)
      }
      turns(2)
    }
  }
}
