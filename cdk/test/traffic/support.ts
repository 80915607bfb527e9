/** What the tests of the cross-AZ traffic share. */
import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { CrossAzTraffic, type CrossAzTrafficProps } from '../../lib/traffic/cross-az-traffic';
import { ENV, code } from '../support';

/** Returns the template of a stack with a {@link CrossAzTraffic}. */
export function trafficTemplate(props: Partial<CrossAzTrafficProps> = {}): Template {
  const stack = new Stack(new App(), 'hookline', { env: ENV });
  new CrossAzTraffic(stack, 'Traffic', {
    cluster: { clusterName: 'prod' },
    source: { vpcId: 'vpc-0123456789abcdef0' },
    code,
    ...props,
  });
  return Template.fromStack(stack);
}
