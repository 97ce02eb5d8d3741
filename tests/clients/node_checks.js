// What any client in Node meets: styles, deadlines, errors with their details, repeated requests. node_test.py starts the
// services, and says in LOCKSTEP_READY where they are.
'use strict';

const assert = require('assert/strict');
const path = require('path');
const test = require('node:test');
const { randomUUID } = require('crypto');
const { grpc, services, errorDetails, call } = require(path.join(process.env.LOCKSTEP_NODE_EXAMPLE, 'lockstep.js'));

const ready = JSON.parse(process.env.LOCKSTEP_READY);
const TIMEOUT = 30; // seconds, of calls whose time is not what a test is about
const STYLES = ['STYLE_BLOCKING', 'STYLE_NON_BLOCKING'];
const SHELLS = { STYLE_BLOCKING: 'SHELL_POOL', STYLE_NON_BLOCKING: 'SHELL_QUEUE' };
const VALIDATE_ORDER_DETAILS = 'lockstep.restaurant.v1.RestaurantService/ValidateOrderDetails';

const client = (Service, address) => new Service(address, grpc.credentials.createInsecure());
const { OrderService } = services.lockstep.order.v1;
const { ControlService } = services.lockstep.control.v1;
const orders = client(OrderService, ready.order.business);
const synchronous = client(OrderService, ready.order.sync);
const orderControl = client(ControlService, ready.order.control);
const restaurantControl = client(ControlService, ready.restaurant.control);

test.after(() => [orders, synchronous, orderControl, restaurantControl].forEach((each) => each.close()));

const request = (changes = {}) => ({
  request_id: randomUUID(),
  consumer_id: 'c0001',
  restaurant_id: 'forno-bianco',
  lines: [{ menu_item_id: 'margherita', quantity: 2 }],
  delivery_address: { street: '129 Kelp Street', city: 'Harmouth', postal_code: 'HM1 6GZ' },
  ...changes,
});

const create = (order, seconds = TIMEOUT) => call(orders, 'CreateOrder', order, seconds);
const slowRestaurant = (seconds) => call(restaurantControl, 'SetFaults',
  { faults: seconds ? [{ method: VALIDATE_ORDER_DETAILS, fixed_delay: { seconds } }] : [] }, TIMEOUT);

// The details of the error that the order ends with, and its message.
async function refused(order, code, { to = orders, seconds = TIMEOUT } = {}) {
  const error = await call(to, 'CreateOrder', order, seconds).then(
    () => assert.fail(`accepted, and should be ${code}`), (each) => each);
  assert.equal(grpc.status[error.code], code, error.message);
  return { ...errorDetails(error), message: error.details };
}

for (const style of STYLES) {
  test(`an order in ${style}`, async () => {
    const { order, receipt } = await create(request({ options: { style } }));
    assert.equal(order.state, 'STATE_VALIDATED');
    assert.deepEqual([order.style, receipt.style, receipt.shell], [style, style, SHELLS[style]]);
    assert.deepEqual(order.total, { currency_code: 'GBP', units: 19, nanos: 0 });
    assert.deepEqual(receipt.calls.map((each) => each.peer).sort(), ['consumer', 'restaurant']);
    assert.deepEqual(await call(orders, 'GetOrder', { order_id: order.order_id }, TIMEOUT), order);
  });

  test(`a deadline that expires, in ${style}`, async (t) => {
    t.after(() => slowRestaurant(0));
    await slowRestaurant(10);
    const order = request({ options: { style } });
    const started = Date.now();
    await refused(order, 'DEADLINE_EXCEEDED', { seconds: 0.2 });
    const waited = Date.now() - started;
    assert.ok(waited > 190 && waited < 5000, `the deadline is 200 ms, and the call took ${waited}`);
    await slowRestaurant(0);
    assert.equal((await create(order)).order.state, 'STATE_VALIDATED');
  });

  test(`details of a refusal, in ${style}`, async () => {
    const details = await refused(
      request({ consumer_id: 'suspended', lines: [{ menu_item_id: 'sold-out', quantity: 1 }], options: { style } }),
      'FAILED_PRECONDITION');
    assert.deepEqual([details.reason, details.domain], ['CONSUMER_SUSPENDED', 'lockstep']);
    assert.match(JSON.stringify(details.preconditions), /suspended.*sold-out/);
    assert.equal(details.receipt.style, style);
    assert.equal(details.receipt.calls.length, 2);
    const kept = await call(orders, 'GetOrder', { order_id: details.metadata.order_id }, TIMEOUT);
    assert.equal(kept.state, 'STATE_REJECTED');
  });

  test(`a repeated request, in ${style}`, async () => {
    const order = request({ options: { style } });
    const first = await create(order);
    const again = await create(order);
    assert.deepEqual(again.order, first.order);
    assert.deepEqual([first.receipt.duplicate, again.receipt.duplicate], [false, true]);
    assert.equal(again.receipt.calls.length, 0);
  });

  for (const [shell, to] of [['the queue', orders], ['a thread per call', synchronous]]) {
    test(`the largest details arrive with default limits, in ${style}, from ${shell}`, async () => {
      const bad = Array(100).fill({ menu_item_id: 'é'.repeat(500), quantity: -1 });
      const malformed = await refused(request({ lines: bad, options: { style } }), 'INVALID_ARGUMENT', { to });
      assert.equal(malformed.reason, 'INVALID_REQUEST');
      assert.ok(malformed.fields.length >= 8, `${malformed.fields.length} fields`);
      assert.match(malformed.message, /lines\[0\]\.menu_item_id/);
      const unknown = Array.from({ length: 100 }, (_, i) => ({ menu_item_id: String(i).padStart(64, '0'), quantity: 1 }));
      const rejected = await refused(
        request({ restaurant_id: process.env.LOCKSTEP_LONGEST_ID, lines: unknown, options: { style } }),
        'FAILED_PRECONDITION', { to });
      assert.equal(rejected.reason, 'MENU_ITEM_UNKNOWN');
      assert.ok(rejected.preconditions.length >= 8, `${rejected.preconditions.length} preconditions`);
      assert.ok(rejected.metadata.order_id);
    });
  }
}

test('the largest errors of peers arrive with default limits', async (t) => {
  for (const port of ['business', 'sync']) {
    const to = client(OrderService, ready.failing[port]);
    t.after(() => to.close());
    for (const style of STYLES) {
      const details = await refused(request({ options: { style } }), 'INTERNAL', { to });
      assert.deepEqual([details.reason, details.metadata.peer_reason], ['DOWNSTREAM_FAILED', 'BROKEN']);
      assert.equal(details.receipt.calls.length, 2);
      assert.match(details.message, /üüü/);
    }
  }
});

test('details of a malformed request', async () => {
  const details = await refused(
    request({ consumer_id: '', lines: [{ menu_item_id: 'margherita', quantity: 0 }] }), 'INVALID_ARGUMENT');
  assert.deepEqual([details.reason, details.domain], ['INVALID_REQUEST', 'lockstep']);
  assert.deepEqual(details.fields.map((each) => each.field), ['consumer_id', 'lines[0].quantity']);
  assert.match(details.fields[1].description, /must be 1 to 1000/);
  assert.equal(details.receipt.method, 'lockstep.order.v1.OrderService/CreateOrder');
  assert.equal(details.receipt.calls.length, 0);
});

test('advice when to try again', async (t) => {
  const allow = (calls) => call(orderControl, 'UpdateSettings',
    { settings: { calls_in_flight_max: calls }, update_mask: { paths: ['calls_in_flight_max'] } }, TIMEOUT);
  const before = (await call(orderControl, 'GetSettings', {}, TIMEOUT)).calls_in_flight_max;
  await slowRestaurant(60);
  await allow(1);
  const held = orders.CreateOrder(request(), { deadline: Date.now() + TIMEOUT * 1000 }, () => {});
  t.after(async () => {
    held.cancel();
    await allow(before);
    await slowRestaurant(0);
  });
  const until = Date.now() + TIMEOUT * 1000;
  while ((await call(orderControl, 'GetLedger', {}, TIMEOUT)).calls_now === 0) {
    assert.ok(Date.now() < until, 'the order that is to be under way never arrived');
  }
  const details = await refused(request(), 'RESOURCE_EXHAUSTED');
  assert.deepEqual([details.reason, details.domain], ['CALLS_IN_FLIGHT_MAX', 'lockstep']);
  assert.ok(details.retryAfter > 0 && details.retryAfter <= 1, `${details.retryAfter} s`);
});

test('a request id used for another order', async () => {
  const order = request();
  const first = await create(order);
  order.lines = [{ menu_item_id: 'margherita', quantity: 3 }];
  const details = await refused(order, 'ALREADY_EXISTS');
  assert.deepEqual([details.reason, details.metadata.order_id], ['REQUEST_ID_REUSED', first.order.order_id]);
});

test('an unknown enum value', async () => {
  const { fields } = await refused(request({ options: { style: 99 } }), 'INVALID_ARGUMENT');
  assert.deepEqual(fields.map(({ field, description }) => [field, description]), [['options.style', 'must be a Style, is 99']]);
});
