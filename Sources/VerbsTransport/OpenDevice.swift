#if Verbs
internal import CLinuxShims
internal import CRDMA
internal import CRDMAShims
internal import Glibc
internal import RDMATransport
internal import Synchronization

/// A device that this process has opened: once, for all transports on it, and for the life of the process; one
/// that is removed is closed when the last transport on it has ended.
// The pointers never change and verbs allows any thread to use them; `presence` has its lock; the rest
// belongs to the device's thread.
@safe
final class OpenDevice: @unchecked Sendable {
  let context: UnsafeMutablePointer<ibv_context>
  let domain: UnsafeMutablePointer<ibv_pd>
  let channel: EventChannel
  /// Keeps librdmacm's hold on the context, which may close one without ids.
  private let anchor: ConnectionID
  /// The device's port that the first address led to.
  let port: UInt8
  let description: VerbsDevice
  /// Wakes the device's thread.
  let bell: Int32
  let threadSleeps = Atomic<Bool>(false)
  /// Set when the device is gone: the next transport opens it anew.
  let isRemoved = Atomic<Bool>(false)
  private let presence = Mutex(Presence())
  let queues = CompletionQueuePool()

  /// Who is there.
  private struct Presence {
    /// Links that the thread has not seen yet.
    var arrivals: [LoopLink] = []
    /// Transports that may touch the device's objects.
    var useCount = 0
    var isClosed = false
  }

  /// What is open, by the device's name.
  private static let registry = Mutex<[String: OpenDevice]>([:])

  private init(channel: EventChannel, anchor: ConnectionID) throws(CallFailure) {
    guard let context = unsafe anchor.context else {
      throw CallFailure(call: "rdma_bind_addr", errno: ENODEV)
    }
    // SAFETY: the anchor keeps the context until `close`.
    unsafe self.context = context
    let name = unsafe String(cString: ibv_get_device_name(context.pointee.device))
    var description = VerbsDevice(name: name)
    description.firmware = SystemFiles.firstLine("/sys/class/infiniband/\(name)/fw_ver") ?? ""
    try unsafe description.fill(context)
    self.description = description
    // SAFETY: made once and kept until `close`.
    unsafe domain = try CallFailure.checkPointer("ibv_alloc_pd", ibv_alloc_pd(context))
    try unsafe CallFailure.checkMinusOne("fcntl", crdma_set_nonblocking(context.pointee.async_fd))
    self.channel = channel
    self.anchor = anchor
    port = anchor.port
    bell = try CallFailure.checkNegative("eventfd", clinux_eventfd())
  }

  // SAFETY: the context lives as long as this object.
  var asyncDescriptor: Int32 { unsafe context.pointee.async_fd }

  /// Gives a link to the device's thread. Its transport holds a use.
  func attach(_ link: LoopLink) {
    presence.withLock { $0.arrivals.append(link) }
    clinux_eventfd_ring(bell)
  }

  var hasArrivals: Bool { presence.withLock { !$0.arrivals.isEmpty } }

  func takeArrivals() -> [LoopLink] {
    presence.withLock { presence in
      let all = presence.arrivals
      presence.arrivals.removeAll()
      return all
    }
  }

  // MARK: - Uses

  /// One more transport; false when the device has been closed.
  fileprivate func enter() -> Bool {
    presence.withLock { presence in
      if !presence.isClosed { presence.useCount += 1 }
      return !presence.isClosed
    }
  }

  fileprivate func leave() {
    presence.withLock { presence in
      presence.useCount -= 1
      // Inside the lock: once the thread has seen that nobody is left, the bell is gone.
      if presence.useCount == 0 { clinux_eventfd_ring(bell) }
    }
  }

  /// Gives a removed device back when nobody uses it any more; the kernel may wait for that. The thread then ends.
  func closeIfUnused() -> Bool {
    let isClosed = presence.withLock { presence in
      presence.isClosed = presence.useCount == 0
      return presence.isClosed
    }
    guard isClosed else { return false }
    queues.destroy()
    // SAFETY: no transport is left, and none can come; its last act was to give its memory back. What the
    // device would not take back goes with its files.
    unsafe _ = ibv_dealloc_pd(domain)
    unsafe crdma_release_files(context)
    anchor.destroy()
    channel.destroy()
    clinux_close(bell)
    return true
  }

  /// Wakes the thread when it sleeps.
  func wakeThread() {
    if threadSleeps.exchange(false, ordering: .sequentiallyConsistent) {
      clinux_eventfd_ring(bell)
    }
  }

  // MARK: - Opening

  /// The device of a local address, opened if it is not yet.
  static func open(address: UInt32) throws(TransportError) -> DeviceUse {
    let channel: EventChannel
    do throws(CallFailure) {
      channel = try EventChannel.create()
    } catch {
      throw Explanation.open(
        error, deviceCount: VerbsDevice.all().count,
        forbiddenFile: SystemFiles.forbiddenDeviceFile)
    }
    let result = registry.withLock { (open) -> Result<DeviceUse, TransportError> in
      do throws(TransportError) {
        return .success(try find(address: address, channel: channel, in: &open))
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  /// Binds an id to the address, which tells the device; keeps channel and id only for a new device.
  private static func find(
    address: UInt32, channel: EventChannel, in open: inout [String: OpenDevice]
  ) throws(TransportError) -> DeviceUse {
    let anchor: ConnectionID
    do throws(CallFailure) {
      anchor = try ConnectionID.create(on: channel, key: 0)
    } catch {
      channel.destroy()
      throw Explanation.open(
        error, deviceCount: VerbsDevice.all().count,
        forbiddenFile: SystemFiles.forbiddenDeviceFile)
    }
    do throws(CallFailure) {
      try anchor.bind(to: SocketAddress(ipv4: address, port: 0))
      guard let context = unsafe anchor.context else {
        throw CallFailure(call: "rdma_bind_addr", errno: ENODEV)
      }
      // SAFETY: the bound id holds the context.
      let name = unsafe String(cString: ibv_get_device_name(context.pointee.device))
      // One of the same name may have taken the place of another, of whose end its thread has not heard yet.
      if let known = open[name], unsafe known.context == context,
        !known.isRemoved.load(ordering: .acquiring), let use = DeviceUse(of: known)
      {
        anchor.destroy()
        channel.destroy()
        return use
      }
      let device = try OpenDevice(channel: channel, anchor: anchor)
      guard let use = DeviceUse(of: device) else {
        throw CallFailure(call: "rdma_bind_addr", errno: ENODEV)
      }
      try ConnectionThread.start(for: device)
      open[name] = device
      return use
    } catch {
      anchor.destroy()
      channel.destroy()
      throw explain(error, address: address)
    }
  }

  /// That an address leads to this device, as another one did.
  func confirm(address: UInt32, beside other: UInt32) throws(TransportError) {
    var found: String?
    do throws(CallFailure) {
      let channel = try EventChannel.create()
      defer { channel.destroy() }
      let id = try ConnectionID.create(on: channel, key: 0)
      defer { id.destroy() }
      try id.bind(to: SocketAddress(ipv4: address, port: 0))
      guard let its = unsafe id.context else {
        throw CallFailure(call: "rdma_bind_addr", errno: ENODEV)
      }
      if unsafe its != context {
        // SAFETY: the bound id holds the context.
        found = unsafe String(cString: ibv_get_device_name(its.pointee.device))
      }
    } catch {
      throw Self.explain(error, address: address)
    }
    if let found {
      throw Explanation.otherDevice(
        address, device: found, beside: other, device: description.name)
    }
  }

  private static func explain(_ failure: CallFailure, address: UInt32) -> TransportError {
    let devices = VerbsDevice.all()
    switch failure.errno {
    case ENODEV where SystemFiles.forbiddenDeviceFile != nil:
      return Explanation.open(
        failure, deviceCount: devices.count, forbiddenFile: SystemFiles.forbiddenDeviceFile)
    case ENODEV, EADDRNOTAVAIL:
      if devices.isEmpty {
        return TransportError(
          call: failure.call, errno: failure.errno, explanation: Explanation.noDevice)
      }
      return Explanation.bind(
        failure, address: address, gidAddresses: DeviceChoice.addresses(of: devices))
    default:
      if failure.call == "rdma_bind_addr" {
        return Explanation.bind(
          failure, address: address, gidAddresses: DeviceChoice.addresses(of: devices))
      }
      return Explanation.open(
        failure, deviceCount: devices.count, forbiddenFile: SystemFiles.forbiddenDeviceFile)
    }
  }
}

/// A transport's hold on its device: the device's objects stay until the last one is gone.
// The counter behind it has its lock.
final class DeviceUse: Sendable {
  let device: OpenDevice

  /// Nil when the device has been closed.
  fileprivate init?(of device: OpenDevice) {
    guard device.enter() else { return nil }
    self.device = device
  }

  deinit { device.leave() }
}
#endif
