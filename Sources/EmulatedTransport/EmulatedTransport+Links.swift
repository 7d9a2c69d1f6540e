internal import BasicContainers
internal import CLinuxShims
internal import Glibc
internal import RDMATransport
internal import Structures

/// What a ready descriptor is, beside the sockets of links, which are reported by their index.
enum SocketTag {
  static var bell: UInt64 { .max }
  /// The listeners, from here on: above every link.
  static var listeners: UInt64 { 1 << 32 }
  static func listener(_ index: Int) -> UInt64 { listeners + UInt64(index) }
}

extension EmulatedTransport {
  /// Polls between two looks at the sockets, for a loop that never sleeps: a new peer or a hang-up waits for so
  /// many turns.
  private static var pollsBetweenLooks: Int { 64 }

  /// New links, greetings and hang-ups.
  mutating func serveSockets() {
    pollsToSockets -= 1
    guard pollsToSockets <= 0 else { return }
    pollsToSockets = Self.pollsBetweenLooks
    retryCalls()
    if listenersRestUntil != 0 { watchListenersAgain() }
    var tags = InlineArray<64, UInt64>(repeating: 0)
    while true {
      var span = tags.mutableSpan
      // SAFETY: the function writes at most as many elements as the span has.
      let count = unsafe span.withUnsafeMutableBufferPointer {
        unsafe clinux_fabric_ready(epoll, $0.baseAddress, 64)
      }
      guard count > 0 else { return }
      for index in 0..<Int(count) {
        switch tags[index] {
        case SocketTag.bell: continue
        case SocketTag.listeners...: acceptCallers(Int(tags[index] - SocketTag.listeners))
        default: serveLink(Int(tags[index]))
        }
      }
      if count < 64 { return }
    }
  }

  private mutating func acceptCallers(_ index: Int) {
    // The rest stays readable, and is taken in the next look.
    for _ in 0..<64 {
      let socket = clinux_fabric_accept(sockets[index])
      guard socket >= 0 else {
        if [-EMFILE, -ENFILE, -ENOBUFS, -ENOMEM].contains(socket) { restListeners() }
        return
      }
      guard let link = makeLink(socket: socket) else {
        clinux_close(socket)
        return
      }
      links[link].state = .greeting
      links[link].localAddress = addresses[index]
    }
  }

  /// How long callers wait when the process or the host has no descriptor for them.
  private static var listenerRestNanoseconds: UInt64 { 100_000_000 }

  /// Looks at no listener for a while: what cannot be accepted stays readable, and would keep the loop awake.
  private mutating func restListeners() {
    for socket in sockets { _ = clinux_fabric_unwatch(epoll, socket) }
    listenersRestUntil = clinux_monotonic_nanoseconds() &+ Self.listenerRestNanoseconds
  }

  private mutating func watchListenersAgain() {
    guard clinux_monotonic_nanoseconds() >= listenersRestUntil else { return }
    listenersRestUntil = 0
    for index in sockets.indices {
      let result = clinux_fabric_watch(epoll, sockets[index], SocketTag.listener(index), 0)
      guard result == 0 else { return restListeners() }
    }
  }

  /// Takes a link and its block of rings, and watches its socket.
  private mutating func makeLink(socket: Int32) -> Int? {
    guard freeLinks.last != nil || links.count < Layout.linkCountMax else { return nil }
    guard let block = heap.allocate(Layout.blockByteCount) else { return nil }
    let index: Int
    if let free = freeLinks.popLast() {
      index = free
    } else {
      links.append(Link())
      index = links.count - 1
      polledLinks.reserve(links.count)
      if linksWithMessages.capacity < links.count {
        linksWithMessages.reserveCapacity(2 * links.count)
      }
    }
    segment.fill(block, Layout.blockByteCount)
    segment.exchange(1, block + Layout.armed)
    var link = Link()
    link.socket = socket
    link.block = block
    link.isPolled = links[index].isPolled
    links[index] = link
    if socket >= 0 { _ = clinux_fabric_watch(epoll, socket, UInt64(index), 0) }
    return index
  }

  /// A link to an address: the one there is, from whichever address of ours, or a new one that is being made.
  mutating func findLink(
    to address: UInt32, from source: UInt32
  ) -> Result<Int, SystemFailure> {
    if let link = linkByAddress[address] {
      // Whoever had the address may have gone since the last look, and its successor be there.
      serveLink(link)
      if linkByAddress[address] == link { return .success(link) }
    }
    let socket = unsafe clinux_fabric_connect(directory.socketPath(address))
    if socket < 0 && socket != -EAGAIN {
      // Nobody holds the address, or its holder died.
      let isAbsent = socket == -ENOENT || socket == -ECONNREFUSED
      return .failure(
        SystemFailure(call: "connect", errno: isAbsent ? EHOSTUNREACH : -socket))
    }
    guard let link = makeLink(socket: max(socket, -1)) else {
      if socket >= 0 { clinux_close(socket) }
      return .failure(SystemFailure(call: "link", errno: ENOBUFS))
    }
    linkByAddress[address] = link
    links[link].peerAddress = address
    links[link].localAddress = source
    if socket < 0 {
      links[link].state = .calling
      callingLinks.append(link)
    } else {
      greet(link)
    }
    return .success(link)
  }

  private mutating func retryCalls() {
    var index = callingLinks.count - 1
    while index >= 0 {
      let link = callingLinks[index]
      let socket = unsafe clinux_fabric_connect(
        directory.socketPath(links[link].peerAddress))
      if socket != -EAGAIN {
        callingLinks.swapAt(index, callingLinks.count - 1)
        callingLinks.removeLast()
        if socket >= 0 {
          links[link].socket = socket
          _ = clinux_fabric_watch(epoll, socket, UInt64(link), 0)
          greet(link)
        } else {
          hangUp(link)
        }
      }
      index -= 1
    }
  }

  /// Sends our hello: who we are, our memory, our bell.
  private mutating func greet(_ link: Int) {
    var hello = Hello(
      address: links[link].localAddress, segmentAddress: segment.address,
      segmentByteCount: UInt64(segment.byteCount), block: UInt64(links[link].block),
      link: UInt32(link), process: clinux_process(), node: identity)
    // SAFETY: the bytes of `hello` are read during the call only.
    let sent = unsafe withUnsafeBytes(of: &hello) {
      unsafe clinux_fabric_send(links[link].socket, $0.baseAddress, $0.count, memory, bell)
    }
    if links[link].state != .greeting { links[link].state = .greeting }
    if sent < 0 { hangUp(link) }
  }

  private mutating func serveLink(_ link: Int) {
    guard link < links.count, links[link].socket >= 0 else { return }
    var hello = Hello(
      address: 0, segmentAddress: 0, segmentByteCount: 0, block: 0, link: 0, process: 0,
      node: 0)
    var memory: Int32 = -1
    var bell: Int32 = -1
    // SAFETY: at most the bytes of `hello` are written, and any bytes make one.
    let count = unsafe withUnsafeMutableBytes(of: &hello) {
      unsafe clinux_fabric_receive(links[link].socket, $0.baseAddress, $0.count, &memory, &bell)
    }
    if count == -EAGAIN || count == -EINTR { return }
    let isHello =
      Int(count) == MemoryLayout<Hello>.size && links[link].state == .greeting
      && hello.magic == Layout.magic && hello.version == Layout.version && memory >= 0 && bell >= 0
    if isHello {
      if bringUp(link, hello, memory: memory, bell: bell) { return }
    } else {
      if memory >= 0 { clinux_close(memory) }
      if bell >= 0 { clinux_close(bell) }
    }
    if count > 0 { counters.peerViolationCount += 1 }
    hangUp(link)
  }

  /// Maps the peer's memory and starts; false when what it says cannot be. The descriptors are taken in any case.
  private mutating func bringUp(_ link: Int, _ hello: Hello, memory: Int32, bell: Int32) -> Bool {
    // Nobody can give himself out for a node of another process.
    let key = PeerTable.Key(
      process: clinux_fabric_peer_process(links[link].socket), node: hello.node)
    guard
      let peer = PeerTable.ofProcess.take(
        key, memory: memory, bell: bell, byteCount: hello.segmentByteCount)
    else { return false }
    // Whatever follows, the end of the link gives it back.
    links[link].peerKey = key
    links[link].peer = peer.memory
    links[link].bell = peer.bell
    guard hello.link < UInt32(Layout.linkCountMax), hello.block >= UInt64(Layout.heap),
      hello.block & 63 == 0,
      hello.block <= hello.segmentByteCount - UInt64(Layout.blockByteCount)
    else { return false }
    let isCaller = links[link].peerAddress != 0
    links[link].peerBlock = Int(hello.block)
    links[link].peerSegmentAddress = hello.segmentAddress
    links[link].peerProcess = hello.process
    links[link].peerWord = Int(hello.link) / 64
    links[link].peerBit = 1 << UInt64(hello.link & 63)
    links[link].peerSummary = 1 << UInt64(links[link].peerWord)
    if isCaller {
      links[link].state = .up
      resumeResolving(link)
    } else {
      // The caller starts when it has our answer.
      greet(link)
      guard links[link].state == .greeting else { return true }
      links[link].state = .up
      links[link].peerAddress = hello.address
      if linkByAddress[hello.address] == nil { linkByAddress[hello.address] = link }
    }
    return true
  }

  private mutating func resumeResolving(_ link: Int) {
    for slot in 0..<connections.count
    where connections[slot].phase == .resolving && queuePairs[slot].link == Int32(link) {
      finishPrepare(slot)
    }
  }

  /// The peer is gone: everything on the link ends.
  mutating func hangUp(_ link: Int) {
    guard links[link].state != .dead, links[link].state != .free else { return }
    if links[link].socket >= 0 { clinux_close(links[link].socket) }
    links[link].socket = -1
    end(link, .dead)
  }

  /// Hangs up on a peer that is in the middle of a write. What it may be writing to stays untouched until
  /// its socket tells that it has noticed or died, or its word that it is out.
  mutating func leave(_ link: Int) {
    clinux_fabric_finish(links[link].socket)
    end(link, .leaving)
  }

  private mutating func end(_ link: Int, _ state: Link.State) {
    let wasUp = links[link].state == .up
    links[link].state = state
    if linkByAddress[links[link].peerAddress] == link {
      linkByAddress[links[link].peerAddress] = nil
    }
    for index in requests.indices where requests[index].isLive && requests[index].link == link {
      requests[index].isLive = false
      freeRequests.append(index)
    }
    refusals.removeAll { $0.link == link }
    // What it completed before it died still counts.
    if wasUp { startPolling(link) }
    for slot in 0..<connections.count
    where connections[slot].phase != .free && queuePairs[slot].link == Int32(link) {
      peerDied(slot)
    }
    freeLinkIfUnused(link)
  }

  /// Gives a link that has ended back when nothing refers to it.
  mutating func freeLinkIfUnused(_ link: Int) {
    guard links[link].state == .dead || links[link].state == .leaving,
      links[link].connectionCount == 0
    else { return }
    if links[link].socket >= 0 { clinux_close(links[link].socket) }
    if let key = links[link].peerKey { PeerTable.ofProcess.giveBack(key) }
    heap.free(links[link].block, Layout.blockByteCount)
    let isPolled = links[link].isPolled
    links[link] = Link()
    // It is still in the list of polled links, which drops it, or finds its successor.
    links[link].isPolled = isPolled
    linksWithMessages.removeAll { $0 == link }
    freeLinks.append(link)
  }
}
