internal import RDMATransport

/// No buffer in two states: what the device may write into is posted once, and nothing else uses it.
///
/// Works by pages: message pieces are whole pages.
struct MemoryChecker {
  private struct Use {
    var receives = 0
    var sends = 0
  }

  /// By host and page.
  private var hosts: [[UInt64: Use]] = []

  private static func pages(_ segment: Segment) -> ClosedRange<UInt64>? {
    guard segment.length > 0 else { return nil }
    return segment.address >> 12...(segment.address + UInt64(segment.length) - 1) >> 12
  }

  private mutating func grow(to host: Int) {
    while hosts.count <= host { hosts.append([:]) }
  }

  /// What is wrong with posting it; nil when nothing is.
  mutating func post(receive: ReceiveRequest, host: Int) -> String? {
    grow(to: host)
    guard let pages = Self.pages(receive.segment) else { return nil }
    var problem: String?
    for page in pages {
      var use = hosts[host][page] ?? Use()
      if use.receives > 0 { problem = "a buffer was posted for receiving twice" }
      if use.sends > 0 { problem = "a buffer was posted for receiving while it is being sent" }
      use.receives += 1
      hosts[host][page] = use
    }
    return problem
  }

  mutating func post(send: SendRequest, host: Int) -> String? {
    grow(to: host)
    guard send.operation == .send, !send.isInline else { return nil }
    var problem: String?
    for segment in send.usedSegments {
      guard let pages = Self.pages(segment) else { continue }
      for page in pages {
        var use = hosts[host][page] ?? Use()
        if use.receives > 0 { problem = "a buffer is sent while it is posted for receiving" }
        use.sends += 1
        hosts[host][page] = use
      }
    }
    return problem
  }

  mutating func complete(receive: ReceiveRequest, host: Int) {
    guard host < hosts.count, let pages = Self.pages(receive.segment) else { return }
    for page in pages { change(host, page) { $0.receives -= 1 } }
  }

  mutating func complete(send: SendRequest, host: Int) {
    guard send.operation == .send, !send.isInline, host < hosts.count else { return }
    for segment in send.usedSegments {
      guard let pages = Self.pages(segment) else { continue }
      for page in pages { change(host, page) { $0.sends -= 1 } }
    }
  }

  private mutating func change(_ host: Int, _ page: UInt64, _ body: (inout Use) -> Void) {
    guard var use = hosts[host][page] else { return }
    body(&use)
    hosts[host][page] = use.receives == 0 && use.sends == 0 ? nil : use
  }

  mutating func forget(host: Int) {
    if host < hosts.count { hosts[host] = [:] }
  }
}
