// The life of a connection, written by hand from spec 02 §4.1 (active), §4.2 (passive), §10 (deadlines), §11
// (close) and from the transport's contract: what each event does in each state.
//
// Columns: state, event, next state, CM commands issued, what else is seen.
// Seen: ignored (counted as such), up (taken into use), closed (an established connection ended), by-peer (the
// peer ended it), failed (the message that waited is over), late (counted as a connect time-out), freed (slot
// and buffers are given back), checked (the next look at deadlines is set).

let machineRows = """
  preparing   ready         connecting  connect     -
  preparing   established   preparing   -           ignored
  preparing   failed        destroying  destroy     failed
  preparing   disconnected  destroying  destroy     failed
  preparing   closed        destroying  destroy     failed
  preparing   expired       destroying  destroy     failed,late
  preparing   deviceRemoved destroying  destroy     failed
  preparing   released      free        -           failed,freed
  replying    ready         accepting   accept      -
  replying    established   replying    -           ignored
  replying    failed        destroying  destroy     -
  replying    disconnected  destroying  destroy     -
  replying    closed        destroying  destroy     -
  replying    expired       destroying  destroy     late
  replying    deviceRemoved destroying  destroy     -
  replying    released      free        -           freed
  connecting  ready         connecting  -           ignored
  connecting  established   established -           up
  connecting  failed        destroying  destroy     failed
  connecting  disconnected  destroying  destroy     failed
  connecting  closed        destroying  destroy     failed
  connecting  expired       destroying  destroy     failed,late
  connecting  deviceRemoved destroying  destroy     failed
  connecting  released      free        -           failed,freed
  accepting   ready         accepting   -           ignored
  accepting   established   established -           up
  accepting   failed        destroying  destroy     -
  accepting   disconnected  destroying  destroy     -
  accepting   closed        destroying  destroy     -
  accepting   expired       destroying  destroy     late
  accepting   deviceRemoved destroying  destroy     -
  accepting   released      free        -           freed
  established ready         established -           ignored
  established established   established -           ignored
  established failed        destroying  destroy     closed,failed
  established disconnected  destroying  destroy     closed,failed,by-peer
  established closed        closing     disconnect  closed,failed
  established expired       established -           checked
  established deviceRemoved destroying  destroy     closed,failed
  established released      free        -           closed,freed,failed
  closing     ready         closing     -           ignored
  closing     established   closing     -           ignored
  closing     failed        destroying  destroy     -
  closing     disconnected  destroying  destroy     -
  closing     closed        closing     -           ignored
  closing     expired       destroying  destroy     -
  closing     deviceRemoved destroying  destroy     -
  closing     released      free        -           freed
  destroying  ready         destroying  -           ignored
  destroying  established   destroying  -           ignored
  destroying  failed        destroying  -           ignored
  destroying  disconnected  destroying  -           ignored
  destroying  closed        destroying  -           ignored
  destroying  expired       destroying  -           ignored
  destroying  deviceRemoved destroying  -           ignored
  destroying  released      free        -           freed
  """
