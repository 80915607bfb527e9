import { App, Stack } from 'aws-cdk-lib';
import { dashboardUrl } from '../../lib/shared/dashboard-widgets';

test.each([
  ['us-west-2', 'https://us-west-2.console.aws.amazon.com/cloudwatch/'],
  ['cn-north-1', 'https://cn-north-1.console.amazonaws.cn/cloudwatch/'],
  ['us-gov-west-1', 'https://us-gov-west-1.console.amazonaws-us-gov.com/cloudwatch/'],
])('the dashboard of a stack in %s is in the console of its partition', (region, url) => {
  const stack = new Stack(new App(), 'Stack', { env: { account: '123456789012', region } });
  expect(dashboardUrl(stack, 'hookline').startsWith(url)).toBe(true);
});
